import { register } from 'tsx/esm/api';

// A thread does not inherit how the server was made to read TypeScript.
register();
await import('./owner.worker.ts');
