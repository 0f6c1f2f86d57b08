import type { HeaderId, PeerId, TaskId } from '../lib/index.ts';
import type { Member, Metrics, RoundRecord, TaskDescription, Verdict } from '../protocol/index.ts';
import type { StepName, StepTimes } from '../tab/index.ts';
import type { AdmittedBatch, AuditResult, DataSummary, DiskSpace, Route, StoreState } from '../adapters/index.ts'; // prettier-ignore

/** A neighbour, as the dashboard shows it. bytes are payload, without envelopes. */
export interface PeerView {
  readonly id: PeerId;
  readonly connected: boolean;
  /** By which way; null: not known, or not connected. */
  readonly route: Route | null;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly verified: number;
  readonly rejected: number;
  readonly strikes: number;
  /** Blocks asked of it that have not come. */
  readonly requests: number;
  /** Blocks it asked for that have not been sent. */
  readonly queued: number;
}

/** Who holds which chunk of a batch: the rows of the chunk map. */
export interface BatchView {
  readonly header: HeaderId;
  readonly kind: 'model' | 'update' | 'sum' | 'file';
  readonly round: number;
  readonly author: PeerId;
  readonly chunks: number;
  /** Ours: missing, on its way, or verified and stored. */
  readonly own: readonly ('missing' | 'pending' | 'held')[];
  /** Chunks held by each neighbour. */
  readonly heldBy: ReadonlyMap<PeerId, number>;
}

export interface RoundView {
  readonly round: number;
  readonly attempt: number;
  readonly step: StepName;
}

/** What the workers have computed so far, ms. */
export interface WorkTotals {
  /** Commitments and openings. */
  readonly commit: number;
  /** Checks of headers, chunks, sums and states. */
  readonly verify: number;
  /** The model on the validation data. */
  readonly evaluate: number;
}

/** Where the time of a round went in this tab, ms. */
export interface RoundTiming {
  /** From the end of the round before, by what the tab was doing for the round; in all, all of it. */
  readonly steps: StepTimes;
  /** What was computed meanwhile in workers; verifying goes on while chunks come in. */
  readonly work: WorkTotals;
}

export interface LogLine {
  readonly id: number;
  /** ms since 1970 */
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

/** bytes per second, one sample a second. */
export interface RateSample {
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

/** The common reference string that everything is verified against. */
export type CrsState =
  | { readonly state: 'waiting' }
  | { readonly state: 'verifying'; readonly share: number }
  | { readonly state: 'ready'; readonly ms: number; readonly cached: boolean };

/** A round's sum, proved to be that of its manifest. */
export interface SumView {
  readonly header: HeaderId;
  /** Who delivered it. */
  readonly author: PeerId;
}

/** Something that did not hold, and was not taken. */
export interface RefusalView {
  readonly id: number;
  /** ms since 1970 */
  readonly at: number;
  /** Who sent it; null: the coordinator. */
  readonly from: PeerId | null;
  /** What it was: `chunk 3 of 1f2e3d4c`. */
  readonly what: string;
  /** The check that failed. */
  readonly check: string;
  /** Who found it: this tab, or the Data Owner, who told everybody. */
  readonly by: 'tab' | 'owner';
}

/** What this tab verified and proved. */
export interface ProofsView {
  readonly crs: CrsState;
  /** Of the Data Owner's newest state; null before the first. */
  readonly epoch: number | null;
  /** When that was the newest: ms since 1970, the coordinator's clock; null before the first. */
  readonly asOf: number | null;
  readonly revoked: readonly HeaderId[];
  readonly headers: number;
  readonly chunks: number;
  /** ms of computing, since the page was opened */
  readonly verifyMs: number;
  readonly commitMs: number;
  /** By round: the sum that was proved against the manifest here; null: it could not be checked. */
  readonly sums: ReadonlyMap<number, SumView | null>;
  /** The newest first. */
  readonly refusals: readonly RefusalView[];
}

/** A parameter or a mean that was proved. */
export interface NamedValue {
  readonly value: number;
  /** Of an update: in steps of the tensor's scale. */
  readonly isCode: boolean;
  /** float32 worth of a step; null where it is not known here. */
  readonly scale: number | null;
}

/** A query or an audit that this tab made, with what came of it. */
export interface AskedView {
  readonly id: number;
  /** ms since 1970 */
  readonly at: number;
  readonly kind: 'query' | 'audit' | 'parameter' | 'mean';
  /** The parameter or the tensor, in words. */
  readonly about: string | null;
  readonly header: HeaderId;
  readonly holder: PeerId;
  /** Of a question that takes several; null when it is over. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** Of a parameter or a mean that was proved. */
  readonly result: NamedValue | null;
  /** Of the state by which it is not revoked. ms since 1970 */
  readonly asOf: number | null;
  /** null while the answer is awaited. */
  readonly verdict: Verdict | null;
  readonly ms: number | null;
}

/** What the Data Owner sees and does, once it has shown its token. */
export type OwnerState =
  | { readonly state: 'closed'; readonly problem: string | null }
  | { readonly state: 'opening' }
  | {
      readonly state: 'open';
      /** Of the coordinator's, the newest first. */
      readonly audits: readonly AuditResult[];
      /** The newest first. */
      readonly batches: readonly AdmittedBatch[];
      /** The batch that is being revoked or replaced, or the task as a whole. */
      readonly busy: HeaderId | 'task' | null;
      readonly problem: string | null;
    };

export type DataState =
  | { readonly state: 'none' }
  | { readonly state: 'loading'; readonly what: string }
  | { readonly state: 'ready'; readonly summary: DataSummary }
  | { readonly state: 'refused'; readonly reason: string };

export type ConnectionState =
  | { readonly state: 'starting' }
  | { readonly state: 'connecting' }
  | { readonly state: 'online' }
  | { readonly state: 'reconnecting'; readonly retryAt: number }
  /** Nothing to be done without the user. */
  | { readonly state: 'stopped'; readonly reason: string };

/** Everything that the dashboard shows. Written by the participant alone. */
export interface AppState {
  readonly connection: ConnectionState;
  readonly self: PeerId | null;
  readonly task: { readonly id: TaskId; readonly description: TaskDescription } | null;
  readonly data: DataState;
  /** Taking part in training, as far as the user is concerned. */
  readonly active: boolean;
  readonly finished: boolean;
  /** After which the task is finished; null: none. */
  readonly lastRound: number | null;
  readonly round: RoundView | null;
  /** Members that the newest round was opened with. */
  readonly cohort: readonly PeerId[];
  /** Progress of local training. */
  readonly training: {
    readonly done: number;
    readonly total: number;
    readonly loss: number;
  } | null;
  /** Progress of committing to what this tab made, 0…1. */
  readonly sealing: number | null;
  readonly proofs: ProofsView;
  /** The newest first. */
  readonly asked: readonly AskedView[];
  readonly owner: OwnerState;
  readonly device: string | null;
  readonly members: readonly Member[];
  readonly peers: readonly PeerView[];
  readonly batches: readonly BatchView[];
  readonly history: readonly RoundRecord[];
  /** The newest models on our own validation data, by round. */
  readonly own: ReadonlyMap<number, Metrics>;
  /** Where the time of the newest rounds went, by round. */
  readonly timings: ReadonlyMap<number, RoundTiming>;
  /** hex SHA-256 of the models that this tab computed, by round. */
  readonly digests: ReadonlyMap<number, string>;
  readonly rates: readonly RateSample[];
  /** bytes exchanged with the coordinator, messages and chunks. */
  readonly server: { readonly up: number; readonly down: number };
  readonly totals: {
    readonly uploaded: number;
    readonly downloaded: number;
    readonly verified: number;
    readonly rejected: number;
    /** Chunks found in this tab's own store instead of being fetched. */
    readonly resumed: number;
    /** Chunks that the coordinator had to deliver. */
    readonly seeded: number;
  };
  /** Where chunks are kept; null: the browser does not say how much room there is. */
  readonly disk: { readonly where: StoreState; readonly space: DiskSpace | null };
  readonly log: readonly LogLine[];
  /** Things that work less well than they could, and why. */
  readonly notices: readonly string[];
}

export const initialState: AppState = {
  connection: { state: 'starting' },
  self: null,
  task: null,
  data: { state: 'none' },
  active: true,
  finished: false,
  lastRound: null,
  round: null,
  cohort: [],
  training: null,
  sealing: null,
  proofs: {
    crs: { state: 'waiting' },
    epoch: null,
    asOf: null,
    revoked: [],
    headers: 0,
    chunks: 0,
    verifyMs: 0,
    commitMs: 0,
    sums: new Map(),
    refusals: [],
  },
  asked: [],
  owner: { state: 'closed', problem: null },
  device: null,
  members: [],
  peers: [],
  batches: [],
  history: [],
  own: new Map(),
  digests: new Map(),
  timings: new Map(),
  rates: [],
  server: { up: 0, down: 0 },
  totals: { uploaded: 0, downloaded: 0, verified: 0, rejected: 0, resumed: 0, seeded: 0 },
  disk: { where: { kind: 'disk' }, space: null },
  log: [],
  notices: [],
};
