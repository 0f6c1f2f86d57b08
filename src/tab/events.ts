import type { Bitfield, HeaderId, PeerId, Result } from '../lib/index.ts';
import type { Answer, ClientMessage, Metrics, Question, Readers, ServerMessage, VerifiedManifest } from '../protocol/index.ts'; // prettier-ignore
import type { MemberEffect, MemberEvent, RoundServerMessage, VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import type { SwarmEffect, SwarmEvent } from '../swarm/index.ts';
import type { SignedHeader, VerifiedHeader } from '../vds/index.ts';

type OfSwarm<T extends SwarmEvent['type']> = Extract<SwarmEvent, { type: T }>;
type OfMember<T extends MemberEvent['type']> = Extract<MemberEvent, { type: T }>;
type FromSwarm<T extends SwarmEffect['type']> = Extract<SwarmEffect, { type: T }>;
type FromMember<T extends MemberEffect['type']> = Extract<MemberEffect, { type: T }>;

/** What a tab hears of: its links, the coordinator, its user, and what came of its effects. */
export type TabEvent =
  /** Links. `message` is a neighbour's. */
  | OfSwarm<'connected' | 'disconnected' | 'message' | 'malformed' | 'buffered'>
  /** A message of the coordinator's, as it came: nothing of it is verified. */
  | { readonly type: 'heard'; readonly message: ServerMessage }
  /** The task's CRS is there: from now on things can be verified. */
  | { readonly type: 'crs-ready' }
  | OfMember<'data'>
  | OfSwarm<'ask'>
  /** A batch that no round is about: get it, and serve it. */
  | { readonly type: 'fetch'; readonly header: VerifiedHeader; readonly readers: Readers }
  /** These are not wanted any more. */
  | { readonly type: 'forget'; readonly headers: readonly HeaderId[] }
  /** The store has no more room. */
  | OfMember<'full'>
  /** A chunk that was stored is not there any more. */
  | OfSwarm<'lost'>
  /** Answers `verify`. */
  | { readonly type: 'verified'; readonly what: RoundServerMessage['type']; readonly result: Result<VerifiedMessage> } // prettier-ignore
  /** Answers `add`: what the store holds of the batch. */
  | { readonly type: 'held'; readonly header: VerifiedHeader; readonly readers: Readers; readonly bits: Bitfield } // prettier-ignore
  /** Answers `keep` and `drop`. */
  | { readonly type: 'dropped' }
  /** Answers `install`: false if what was added up here is not that model. */
  | { readonly type: 'installed'; readonly model: VerifiedHeader; readonly isSame: boolean }
  /** Answer `store`, `read` and `seed`. */
  | OfSwarm<'stored' | 'refused' | 'block' | 'seeded'>
  /** Answers `answer`. */
  | { readonly type: 'answered'; readonly peer: PeerId | null; readonly id: number; readonly answer: Answer } // prettier-ignore
  /** Answers `relay`; null if the chunk is not held. */
  | (Omit<FromMember<'relay'>, 'type'> & { readonly type: 'relayed'; readonly payload: Uint8Array | null }) // prettier-ignore
  /** Answer what the trainer is told to do. */
  | OfMember<'trained' | 'sealed' | 'aggregated' | 'evaluated'>
  | {
      readonly type: 'sum-proved';
      readonly manifest: VerifiedManifest;
      readonly signed: SignedHeader;
      readonly payloads: readonly Uint8Array[];
    }
  /** Answers any effect: it could not be carried out. */
  | { readonly type: 'failed'; readonly effect: TabEffect; readonly reason: string }
  /** The tab goes: neighbours are told, so that they need not wait. */
  | OfSwarm<'leave'>
  | { readonly type: 'tick' };

/** What a tab wants done. Of those that say so exactly one answer is expected, or `failed`. */
export type TabEffect =
  /** Links: to connect with these and no others; what a neighbour signals; frames. */
  | { readonly type: 'neighbours'; readonly peers: readonly PeerId[] }
  | Extract<ServerMessage, { type: 'signal' }>
  | FromSwarm<'send' | 'close'>
  /** To the coordinator; and a new connection to it, which says everything again. */
  | { readonly type: 'tell'; readonly message: ClientMessage }
  | { readonly type: 'reconnect' }
  /** The verifier and store. `verify`, `add`, `store`, `read`, `relay` and `answer` are answered. */
  | { readonly type: 'verify'; readonly message: RoundServerMessage }
  | { readonly type: 'add'; readonly header: VerifiedHeader; readonly readers: Readers }
  | FromSwarm<'store' | 'read'>
  | FromMember<'relay'>
  /** Asked by a neighbour, or, null, by the coordinator. */
  | { readonly type: 'answer'; readonly peer: PeerId | null; readonly id: number; readonly header: HeaderId; readonly question: Question } // prettier-ignore
  /** Answered by `dropped`. */
  | FromMember<'keep' | 'drop'>
  /** The server as the seed of last resort. Answered by `seeded`. */
  | FromSwarm<'seed'>
  /**
   * The trainer. `train` (unless it is cancelled), `seal`, `aggregate`, `prove-sum`, `install` and
   * `evaluate` are answered.
   */
  | FromMember<'train' | 'cancel-training' | 'aggregate' | 'feedback' | 'install' | 'evaluate'>
  /** @property elapsedMs since the round was opened */
  | (FromMember<'seal'> & { readonly elapsedMs: number })
  | { readonly type: 'prove-sum'; readonly manifest: VerifiedManifest }
  /** For who looks on: what the coordinator says that holds, and what of it does not. */
  | { readonly type: 'followed'; readonly message: VerifiedMessage }
  | { readonly type: 'not-followed'; readonly what: RoundServerMessage['type']; readonly reason: string } // prettier-ignore
  /** A chunk does not hold as a neighbour sent it. */
  | { readonly type: 'bad-chunk'; readonly header: HeaderId; readonly index: number; readonly from: PeerId; readonly reason: string } // prettier-ignore
  /** The model that this tab arrived at, before anybody told it what it should be. */
  | { readonly type: 'computed'; readonly round: number; readonly digest: Uint8Array }
  /** A model on the tab's own validation data. */
  | { readonly type: 'measured'; readonly round: number; readonly metrics: Metrics }
  /** A round is closed: how long the tab was in which step, ms. */
  | { readonly type: 'timed'; readonly round: number; readonly steps: StepTimes }
  | FromMember<'pause'>
  | FromSwarm<'asked'>
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly peer: PeerId | null; readonly text: string }; // prettier-ignore

/** ms by what a tab did for a round; the names of the member machine's steps */
export type StepTimes = Readonly<Partial<Record<StepName, number>>>;

export type StepName =
  | 'idle'
  | 'waiting-for-model'
  | 'training'
  | 'trained'
  | 'sealing'
  | 'sealed'
  | 'exchanging'
  | 'aggregating'
  | 'done';
