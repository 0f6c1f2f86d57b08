import type { FastifySchema, RouteShorthandOptions } from 'fastify';
import type { Crs } from '../../src/vds/index.ts';
import type { TaskRoom } from '../task-room.ts';
import type { Traffic } from '../traffic.ts';

export interface OwnerApiOptions {
  readonly room: TaskRoom;
  readonly crs: Crs;
  readonly traffic: Traffic;
  /** SHA-256 of the token: who has that may revoke and replace. */
  readonly tokenHash: Uint8Array;
}

/** A route's options, of a summary, schemas, and requests a minute from one address (120). */
type Described = (summary: string, schema: FastifySchema, max?: number) => RouteShorthandOptions;

/** What routes are made with. */
export interface Routes extends OwnerApiOptions {
  /** Readable by everybody. */
  readonly open: Described;
  /** For who has the token. */
  readonly owned: Described;
}

export const base = '/api/tasks/:task';
