import { describe, expect, test } from 'vitest';
import type { PeerId } from '../lib/index.ts';
import { limits, type RoundRecord } from '../protocol/index.ts';
import type { SignedHeader, StateUpdate } from '../vds/index.ts';
import { Ledger } from './ledger.ts';

const peer = (n: number) => n.toString(16).padStart(64, '0') as PeerId;
const digest = new Uint8Array(32).fill(1);
const record: RoundRecord = {
  ...{ round: 1, attempt: 1, revision: 1, ms: 1, digest, metrics: null, revokedUpdates: 0 },
  authors: [peer(1), peer(2)],
};
const metrics = (accuracy: number) => ({ samples: 10, loss: 1, accuracy });

/** What it says of the model's header and of the state is not asked here. */
function aLedger(): Ledger {
  const model: SignedHeader = { header: new Uint8Array(1) } as SignedHeader;
  return new Ledger([record], model, {} as StateUpdate);
}

describe('a ledger', () => {
  test('takes what a member measured once, however often it says so', () => {
    const ledger = aLedger();
    expect(ledger.measured(peer(1), 1, metrics(0.5))?.metrics).toEqual(metrics(0.5));
    for (let k = 0; k < 100; k++) expect(ledger.measured(peer(1), 1, metrics(1))).toBeNull();
    expect(ledger.history.at(-1)?.metrics).toEqual(metrics(0.5));
    expect(ledger.measured(peer(2), 1, metrics(1))?.metrics.accuracy).toBe(0.75);
  });

  test('takes what guests measured while there is room, and what authors did always', () => {
    const ledger = aLedger();
    const guests = Array.from({ length: 1000 }, (_, k) => peer(100 + k));
    const taken = guests.filter((guest) => ledger.measured(guest, 1, metrics(0)) !== null);
    expect(taken).toHaveLength(limits.members);
    expect(ledger.measured(peer(2), 1, metrics(1))?.metrics.samples).toBe(10 * (limits.members + 1)); // prettier-ignore
  });

  test('has room again once the model is another one', () => {
    const ledger = aLedger();
    ledger.measured(peer(1), 1, metrics(0.5));
    ledger.replace({ header: new Uint8Array(2) } as SignedHeader);
    expect(ledger.measured(peer(1), 1, metrics(0.9))?.metrics).toEqual(metrics(0.9));
  });

  test('takes a report of another model from who made the round, once', () => {
    const report = { round: 1, attempt: 1, digest: new Uint8Array(32) };
    const ledger = aLedger();
    expect(ledger.isOtherModel(peer(3), report)).toBe(false);
    expect(ledger.isOtherModel(peer(1), report)).toBe(true);
    expect(ledger.isOtherModel(peer(1), report)).toBe(false);
  });
});
