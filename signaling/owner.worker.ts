import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { parentPort } from 'node:worker_threads';
import { OwnerService } from './owner-service.ts';

if (parentPort === null) throw new Error('this file is for a worker thread');
expose(new OwnerService(), nodeEndpoint(parentPort));
