CREATE TABLE "crs_files" (
	"scalars" integer PRIMARY KEY NOT NULL,
	"file" "bytea" NOT NULL,
	"made_at" timestamp with time zone DEFAULT now() NOT NULL
);
