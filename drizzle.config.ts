import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './signaling/store/schema.ts',
  out: './signaling/migrations',
});
