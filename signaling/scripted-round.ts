import type { Identity } from '../src/crypto/index.ts';
import { at, Bitfield, bytesToFloat32, normal, seededRandom, uint16ToBytes } from '../src/lib/index.ts'; // prettier-ignore
import { applySum, largestMagnitudes, modelDigest, quantise, sumUpdates, tensorsOf, totalOf } from '../src/learning/index.ts'; // prettier-ignore
import {
  settingsDigest,
  signStatement,
  verifyManifest,
  verifyOpen,
  type ServerMessage,
} from '../src/protocol/index.ts';
import { CommitmentKey, Crs, cutPayloads, drawBlinders, joinLanes, noOpening, sealPayloads, signHeader, sumBlinders, verifyChunk, Verifier } from '../src/vds/index.ts'; // prettier-ignore
import type { SignedHeader, VerifiedHeader } from '../src/vds/index.ts';
import { ScriptedTab } from './scripted-tab.ts';
import type { Coordinator } from './server.ts';

type Manifest = Extract<ServerMessage, { type: 'manifest' }>;
type Upload = Extract<ServerMessage, { type: 'upload' }>;

/** What a member has at hand once the manifest is there. */
export interface Sealed {
  readonly tab: ScriptedTab;
  readonly codes: Uint8Array;
  readonly payloads: readonly Uint8Array[];
  readonly message: Manifest;
}

/** What every member computes by itself of a manifest and its updates. */
type Aggregate = ReturnType<ScriptedRound['aggregate']>;

/** What a round needs to know of its coordinator. */
export interface ScriptedCoordinator {
  readonly url: string;
  readonly room: Pick<Coordinator['room'], 'id' | 'description' | 'parameters'>;
}

/** An update that is sealed, and not sent yet. */
export interface Prepared extends Omit<Sealed, 'message'> {
  readonly round: number;
  readonly attempt: number;
  readonly signed: SignedHeader;
}

/** For tests: what tabs do in a round, step by step, with real commitments and openings. */
export class ScriptedRound {
  readonly coordinator: ScriptedCoordinator;
  readonly verifier: Verifier;
  readonly #key: CommitmentKey;
  readonly #random = seededRandom(31);

  private constructor(coordinator: ScriptedCoordinator, key: CommitmentKey) {
    const { ownerKey } = coordinator.room.description;
    this.coordinator = coordinator;
    this.#key = key;
    const { id: task } = coordinator.room;
    this.verifier = new Verifier({ crs: key.crs, task, ownerKey, random: this.#random });
  }

  /** Gets the CRS as a tab does. */
  static async with(coordinator: ScriptedCoordinator): Promise<ScriptedRound> {
    const { id, description } = coordinator.room;
    const response = await fetch(`${coordinator.url}api/tasks/${id}/crs`);
    const crs = Crs.open(new Uint8Array(await response.arrayBuffer()), description.crs);
    if (!crs.ok) throw new Error(crs.error);
    return new ScriptedRound(coordinator, await CommitmentKey.build(crs.value));
  }

  verified(signed: SignedHeader): VerifiedHeader {
    const header = this.verifier.verifyHeader(signed, 'admitted');
    if (!header.ok) throw new Error(header.error);
    return header.value;
  }

  /** Fetches a batch from the coordinator, every chunk verified; its bytes. */
  async download(header: VerifiedHeader): Promise<Uint8Array> {
    const { url, room } = this.coordinator;
    const base = `${url}api/tasks/${room.id}/batches/${header.id}/chunks/`;
    const payloads = await Promise.all(
      header.columns.map(async (_, index) => {
        const response = await fetch(base + String(index));
        const payload = new Uint8Array(await response.arrayBuffer());
        const verified = verifyChunk(header, index, payload);
        if (!verified.ok) throw new Error(verified.error);
        return payload;
      }),
    );
    return joinLanes(header, payloads);
  }

  async downloadModel(header: VerifiedHeader): Promise<Float32Array> {
    return bytesToFloat32(await this.download(header));
  }

  /** From `open` to the manifest for one member. */
  async seal(tab: ScriptedTab): Promise<Sealed> {
    const prepared = await this.prepare(tab);
    this.sendHeader(prepared);
    return { ...prepared, message: await tab.next('manifest') };
  }

  /** From `open` to a sealed update: trains (at random), quantises, commits. */
  async prepare(tab: ScriptedTab): Promise<Prepared> {
    const { description, id, parameters } = this.coordinator.room;
    const tensors = tensorsOf(description.data, description.model);
    const { ownerKey } = description;
    const settings = settingsDigest(description);
    const opened = verifyOpen((await tab.next('open')).open, { task: id, ownerKey, settings });
    if (!opened.ok) throw new Error(opened.error);
    const { round, attempt, opening } = opened.value;
    const delta = parameters.map(() => normal(this.#random) * 0.01);
    const metrics = { samples: 100, loss: 1, accuracy: 0.5 };
    const magnitudes = largestMagnitudes(delta, tensors);
    tab.send({ type: 'trained', round, attempt, metrics, magnitudes });
    const { scales } = await tab.next('quantise');
    const { codes } = quantise(delta, scales, tensors, this.#random);
    const { scalars } = this.#key.crs;
    const blinding = drawBlinders(codes.length, scalars, 'update', this.#random);
    const payloads = cutPayloads(codes, scalars, 'update', blinding);
    const author = tab.identity.id;
    const about = { task: id, opening, round, kind: 'update', author } as const;
    const time = { seconds: () => 1, random: this.#random };
    const { header } = await sealPayloads(this.#key, about, payloads, time);
    return { tab, codes, payloads, round, attempt, signed: signHeader(header, tab.identity) };
  }

  sendHeader({ tab, round, attempt, signed }: Prepared): void {
    tab.send({ type: 'header', round, attempt, signed });
  }

  /** Adds up what a manifest names, as every member does by itself. */
  aggregate(message: Manifest, members: readonly Sealed[]) {
    const { description, id, parameters } = this.coordinator.room;
    const opened = verifyManifest(message.manifest, { task: id, ownerKey: description.ownerKey });
    if (!opened.ok) throw new Error(opened.error);
    const manifest = opened.value;
    const headers = message.headers.map((signed) => this.verified(signed));
    const updates = manifest.entries.map(({ header: named, author, weight }) => {
      const header = headers.find((each) => each.id === named);
      const member = members.find(({ tab }) => tab.identity.id === author);
      if (header === undefined || member === undefined) throw new Error('a batch is missing');
      for (const [index, payload] of member.payloads.entries()) {
        const verified = verifyChunk(header, index, payload);
        if (!verified.ok) throw new Error(verified.error);
      }
      return { weight, payloads: member.payloads, lanes: joinLanes(header, member.payloads) };
    });
    const sum = sumUpdates(
      updates.map(({ lanes }) => lanes),
      updates.map(({ weight }) => weight),
    );
    const tensors = tensorsOf(description.data, description.model);
    const total = totalOf(updates.map(({ weight }) => weight));
    const next = applySum(parameters, sum, total, manifest.scales, tensors);
    return { manifest, headers, sum, blinding: sumBlinders(updates), next, digest: modelDigest(next) }; // prettier-ignore
  }

  /** From the manifest to everybody's `done`; what all arrived at. */
  finish(members: readonly Sealed[]): Aggregate[] {
    const results = members.map((member) => this.aggregate(member.message, members));
    members.forEach(({ tab }, i) => {
      const { manifest, headers, digest } = at(results, i);
      const { round, attempt, revision } = manifest;
      const others = headers.filter(({ author }) => author !== tab.identity.id);
      const { opening } = manifest;
      const said = {
        type: 'vouch',
        opening,
        peer: tab.identity.id,
        batches: others.map(fullyHeld),
      } as const;
      tab.send({ type: 'vouch', round, attempt, signed: signStatement(said, tab.identity) });
      tab.send({ type: 'done', round, attempt, revision, digest });
    });
    return results;
  }

  /** Opens a sum and sends its chunks, as asked for by `upload`. */
  async upload(
    tab: ScriptedTab,
    { sum, blinding, manifest }: Pick<Aggregate, 'sum' | 'blinding' | 'manifest'>,
    { round, attempt, revision }: Upload,
  ): Promise<void> {
    const { scalars } = this.#key.crs;
    const payloads = cutPayloads(uint16ToBytes(sum), scalars, 'sum', blinding);
    const { id: task } = this.coordinator.room;
    const { opening, digest } = manifest;
    const named = { manifest: digest, chunks: payloads.map((_, index) => index) };
    const author = tab.identity.id;
    const about = { task, opening, round, kind: 'sum', author, sum: named } as const;
    const { header } = await sealPayloads(this.#key, about, payloads, null);
    const signed = signHeader(header, tab.identity);
    tab.send({ type: 'sum-header', round, attempt, revision, signed });
    payloads.forEach((payload, index) =>
      tab.send({ type: 'sum', round, attempt, revision, index, payload }),
    );
  }

  /** A whole round of these members; the header of its model. */
  async run(tabs: readonly ScriptedTab[]): Promise<VerifiedHeader> {
    const members = await Promise.all(tabs.map((tab) => this.seal(tab)));
    const result = at(this.finish(members), 0);
    const asked = await ScriptedTab.nextToAny(tabs, 'upload');
    await this.upload(asked.tab, result, asked.message);
    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    return this.verified(at(closed, 0).model);
  }

  /** A file that somebody else sealed; nobody has admitted it. */
  async sealFile(bytes: Uint8Array, author: Identity): Promise<SignedHeader> {
    const { scalars } = this.#key.crs;
    const blinding = drawBlinders(bytes.length, scalars, 'bytes', this.#random);
    const payloads = cutPayloads(bytes, scalars, 'bytes', blinding);
    const { id: task } = this.coordinator.room;
    const about = { task, opening: noOpening, round: 0, kind: 'file', author: author.id } as const;
    const { header } = await sealPayloads(this.#key, about, payloads, null);
    return signHeader(header, author);
  }
}

function fullyHeld({ id, columns }: VerifiedHeader) {
  return { header: id, bits: Bitfield.full(columns.length).toBytes() };
}
