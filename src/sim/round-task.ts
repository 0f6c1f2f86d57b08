import type { PeerId } from '../lib/index.ts';
import type { TaskDescription } from '../protocol/index.ts';
import { crs, scalars } from './sealing.ts';

export interface RoundSettings {
  readonly rounds: number;
  readonly minimum: number;
  /** Widths of the hidden layers; none: 7 parameters, which take one chunk. */
  readonly hidden?: readonly number[];
}

/** A small regression: 6 inputs, one output. */
export function describeTask(owner: PeerId, settings: RoundSettings): TaskDescription {
  const column = (name: string) => ({ kind: 'numeric' as const, name, mean: 0, deviation: 1 });
  return {
    type: 'task',
    version: 3,
    name: 'simulated',
    ownerKey: owner,
    nonce: new Uint8Array(16),
    data: {
      kind: 'table',
      columns: ['a', 'b', 'c', 'd', 'e', 'f'].map(column),
      target: column('y'),
    },
    model: { kind: 'mlp', hidden: [...(settings.hidden ?? [])] },
    training: {
      localEpochs: 1,
      batchSize: 8,
      learningRate: 0.1,
      momentum: 0,
      validationShare: 0.1,
    },
    rounds: settings.rounds,
    members: { minimum: settings.minimum, quorum: Math.min(2, settings.minimum), maximum: 20 },
    deadlines: { trainMs: 10_000, admitMs: 5_000, exchangeMs: 8_000 },
    exchange: { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: 9, scalars },
    crs: crs.digest,
  };
}
