CREATE TABLE "checkpoints" (
	"task" text NOT NULL,
	"round" integer NOT NULL,
	"header" "bytea" NOT NULL,
	"parameters" "bytea" NOT NULL,
	CONSTRAINT "checkpoints_task_round_pk" PRIMARY KEY("task","round")
);
--> statement-breakpoint
CREATE TABLE "rounds" (
	"task" text NOT NULL,
	"round" integer NOT NULL,
	"record" "bytea" NOT NULL,
	CONSTRAINT "rounds_task_round_pk" PRIMARY KEY("task","round")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" text PRIMARY KEY NOT NULL,
	"description" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_task_tasks_id_fk" FOREIGN KEY ("task") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rounds" ADD CONSTRAINT "rounds_task_tasks_id_fk" FOREIGN KEY ("task") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;