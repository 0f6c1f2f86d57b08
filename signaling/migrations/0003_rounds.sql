ALTER TABLE "rounds" ADD COLUMN "manifest" "bytea";--> statement-breakpoint
ALTER TABLE "rounds" ADD COLUMN "sum" text;