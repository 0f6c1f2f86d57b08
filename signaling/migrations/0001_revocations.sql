CREATE TABLE "files" (
	"task" text NOT NULL,
	"header" text NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "files_task_header_pk" PRIMARY KEY("task","header")
);
--> statement-breakpoint
CREATE TABLE "headers" (
	"task" text NOT NULL,
	"id" text NOT NULL,
	"kind" text NOT NULL,
	"round" integer NOT NULL,
	"author" text NOT NULL,
	"signed" "bytea" NOT NULL,
	"admitted_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "headers_task_id_pk" PRIMARY KEY("task","id")
);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"task" text NOT NULL,
	"epoch" integer NOT NULL,
	"header" text NOT NULL,
	"revoked_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "revocations_task_epoch_pk" PRIMARY KEY("task","epoch"),
	CONSTRAINT "revocations_task_header_unique" UNIQUE("task","header")
);
--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_task_tasks_id_fk" FOREIGN KEY ("task") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "headers" ADD CONSTRAINT "headers_task_tasks_id_fk" FOREIGN KEY ("task") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "revocations" ADD CONSTRAINT "revocations_task_tasks_id_fk" FOREIGN KEY ("task") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;