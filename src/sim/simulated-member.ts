import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { utf8ToBytes, type HeaderId, type PeerId, type Random } from '../lib/index.ts';
import type { ClientMessage, Freeze } from '../protocol/index.ts';
import type { MessageVerifier } from '../rounds/index.ts';
import type { Tab, TabDriver } from '../tab/index.ts';
import type { StorageServer } from '../vds/index.ts';
import type { End } from './wires.ts';
import type { Node } from './access-link.ts';
import { SimulatedStore } from './simulated-store.ts';
import type { StrictPorts } from './strict-ports.ts';
import { honestly, type SumMaker } from './sums.ts';

/** What a page that is loaded begins with; another load begins with another one. */
export interface Life {
  readonly machine: Tab;
  readonly driver: TabDriver;
  readonly strict: StrictPorts;
  readonly server: StorageServer;
  readonly messages: MessageVerifier;
}

/** A member of the simulation: a real tab on simulated training, links and store. */
export class SimulatedMember implements End {
  readonly identity: Identity;
  /** Of its training, its rounding and its blindings. */
  readonly random: Random;
  readonly node: Node;
  readonly store = new SimulatedStore();
  /** The newest freeze that it took, which a reload does not forget. */
  frozen: Freeze | null = null;
  online = false;
  /** Whom it is to be connected with. */
  neighbours: ReadonlySet<PeerId> = new Set();
  /** Digests of the models that it computed, by round. */
  readonly digests = new Map<number, string>();
  readonly log: string[] = [];
  /** Messages and chunks that it refused, and why. */
  readonly refused: string[] = [];
  delta: Float32Array | null = null;
  sum: { readonly sum: Uint16Array; readonly model: Float32Array } | null = null;
  samples: number;
  trainMs = 500;
  /** Trainings that it began or gave up: one that is given up comes to nothing. */
  trainings = 0;
  sealMs = 20;
  /** From the coordinator's question for its sum to the sum. */
  uploadMs = 10;
  /** Batches of these authors never arrive. */
  readonly unreachable = new Set<PeerId>();
  /** Lies about the model that it arrived at. */
  liesAboutDigest = false;
  /** What it delivers when it is asked for its sum. */
  makeSum: SumMaker = honestly;
  /** What it makes of chunks before it serves them, to another member or to the coordinator. */
  serve: (payloads: readonly Uint8Array[], to: PeerId | null) => readonly Uint8Array[] = (all) => all; // prettier-ignore
  /** What the liar makes of a message before it goes out; null: nothing. */
  tamper: (message: ClientMessage) => ClientMessage | null = (message) => message;
  #life: Life | null = null;

  constructor(name: string, samples: number, random: Random, node: Node) {
    this.identity = identityOf(sha256(utf8ToBytes(name)));
    this.samples = samples;
    this.random = random;
    this.node = node;
  }

  get id(): PeerId {
    return this.identity.id;
  }

  /** Payloads of complete batches. */
  get held(): ReadonlyMap<HeaderId, readonly Uint8Array[]> {
    return this.store.held;
  }

  get life(): Life {
    if (this.#life === null) throw new Error('bug: the page was not loaded');
    return this.#life;
  }

  get machine(): Tab {
    return this.life.machine;
  }

  get server(): StorageServer {
    return this.life.server;
  }

  get messages(): MessageVerifier {
    return this.life.messages;
  }

  /** The page is loaded: what was in memory is gone, what was stored is not. */
  load(life: Life): void {
    this.#life = life;
    this.delta = null;
    this.sum = null;
    this.trainings++;
    this.neighbours = new Set();
  }
}
