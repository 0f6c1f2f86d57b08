import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { utf8ToBytes, type HeaderId, type PeerId, type Random } from '../lib/index.ts';
import type { ClientMessage, Freeze } from '../protocol/index.ts';
import type { MessageVerifier } from '../rounds/index.ts';
import { RoundMember } from '../rounds/index.ts';
import type { StorageServer } from '../vds/index.ts';
import { honestly, type SumMaker } from './sums.ts';

/** A tab of the simulation: a real round machine on simulated training and a shared swarm. */
export interface SimulatedMember {
  readonly identity: Identity;
  /** Of its training, its rounding and its blindings. */
  readonly random: Random;
  machine: RoundMember;
  server: StorageServer;
  messages: MessageVerifier;
  online: boolean;
  /** Payloads of complete batches. */
  readonly held: Map<HeaderId, readonly Uint8Array[]>;
  /** Chunks of batches that are not complete. */
  readonly partial: Map<HeaderId, Map<number, Uint8Array>>;
  /** The newest freeze that it took, which a reload does not forget. */
  frozen: Freeze | null;
  readonly digests: Map<number, string>;
  readonly log: string[];
  /** Messages and chunks that it refused, and why. */
  readonly refused: string[];
  delta: Float32Array | null;
  sum: { readonly sum: Uint16Array; readonly model: Float32Array } | null;
  samples: number;
  trainMs: number;
  /** Trainings that it began or gave up: one that is given up comes to nothing. */
  trainings: number;
  sealMs: number;
  /** From the coordinator's question for its sum to the sum. */
  uploadMs: number;
  /** Batches of these authors never arrive. */
  readonly unreachable: Set<PeerId>;
  /** Lies about the model that it arrived at. */
  liesAboutDigest: boolean;
  /** What it delivers when it is asked for its sum. */
  makeSum: SumMaker;
  /** What it makes of chunks before it serves them, to another member or to the coordinator. */
  serve: (payloads: readonly Uint8Array[], to: PeerId | null) => readonly Uint8Array[];
  /** What the liar makes of a message before it goes out; null: nothing. */
  tamper: (message: ClientMessage) => ClientMessage | null;
}

export function simulateMember(
  name: string,
  samples: number,
  random: Random,
  server: StorageServer,
  messages: MessageVerifier,
): SimulatedMember {
  const identity = identityOf(sha256(utf8ToBytes(name)));
  return {
    identity,
    random,
    machine: new RoundMember(identity),
    server,
    messages,
    online: false,
    held: new Map(),
    partial: new Map(),
    frozen: null,
    digests: new Map(),
    log: [],
    refused: [],
    delta: null,
    sum: null,
    samples,
    trainMs: 500,
    trainings: 0,
    sealMs: 20,
    uploadMs: 10,
    unreachable: new Set(),
    liesAboutDigest: false,
    makeSum: honestly,
    serve: (payloads) => payloads,
    tamper: (message) => message,
  };
}
