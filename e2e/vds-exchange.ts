import {
  arithmetic,
  decodeCanonical,
  encodeCanonical,
  identityOf,
  sha256,
} from '../src/crypto/index.ts';
import {
  at,
  bytesToHex,
  randomBytes,
  seededRandom,
  uint16ToBytes,
  utf8ToBytes,
} from '../src/lib/index.ts';
import type { Result, TaskId } from '../src/lib/index.ts';
import { admitHeader, CommitmentKey, Crs, cutPayloads, DataOwner, drawBlinders, headerId, MemoryChunkStore, noOpening, sealPayloads, signHeader, StorageServer, sumBlinders, Verifier } from '../src/vds/index.ts'; // prettier-ignore
import type { FraudProof, SignedHeader, StateUpdate, Witness } from '../src/vds/index.ts';

const n = 256;
const task = 'ec'.repeat(16) as TaskId;
const owner = identityOf(sha256(utf8ToBytes('owner')));
const author = identityOf(sha256(utf8ToBytes('author')));
const parties = { auditor: owner.id, holder: author.id };
const now = 1_760_000_000;

type QueryArguments = Parameters<Verifier['verifyQuery']>;
type AuditArguments = Parameters<Verifier['verifyAudit']>;

/** One of everything that the library serialises. */
interface Exchange {
  readonly crs: Uint8Array<ArrayBuffer>;
  readonly update: SignedHeader;
  readonly payloads: Uint8Array[];
  /** All zeros: its commitments and its proof are the identity. */
  readonly model: SignedHeader;
  readonly zeros: Uint8Array;
  readonly sum: SignedHeader;
  readonly sumPayloads: Uint8Array[];
  readonly states: readonly [StateUpdate, StateUpdate];
  /** While nothing is revoked w is the identity; then of one revocation. */
  readonly witnesses: readonly [Witness, Witness];
  readonly query: { request: QueryArguments[1]; answer: QueryArguments[2] };
  readonly audit: { request: AuditArguments[1]; answer: AuditArguments[3] };
  readonly fraud: FraudProof;
}

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** Makes one of everything, as canonical CBOR. */
export async function produce(seed: number): Promise<Uint8Array> {
  const random = seededRandom(seed);
  const crs = await Crs.generate(n, random);
  const key = await CommitmentKey.build(crs);
  const about = { task, opening: noOpening, round: 1 };
  const time = { seconds: () => 1, random };
  const codes = randomBytes(random, 5000);
  const payloads = cutPayloads(codes, n, 'update', drawBlinders(codes.length, n, 'update', random));
  const sealed = await sealPayloads(key, { ...about, kind: 'update', author: author.id }, payloads, time); // prettier-ignore
  const update = admitHeader(signHeader(sealed.header, author), owner);
  const dataOwner = new DataOwner({ task, crs, identity: owner, random });
  const model = await dataOwner.create(key, { ...about, kind: 'model' }, new Uint8Array(60), false);
  const lanes = uint16ToBytes(Uint16Array.from(codes, (code) => 256 * code));
  const sumPayloads = cutPayloads(lanes, n, 'sum', sumBlinders([{ payloads, weight: 256 }]));
  const of = { manifest: sha256(codes), chunks: [0, 1] };
  const summed = await sealPayloads(key, { ...about, kind: 'sum', author: author.id, sum: of }, sumPayloads, null); // prettier-ignore
  const sum = admitHeader(signHeader(summed.header, author), owner);

  const verifier = new Verifier({ crs, task, ownerKey: owner.id, random });
  const header = valueOf(verifier.verifyHeader(update, 'admitted'));
  const server = new StorageServer(verifier, new MemoryChunkStore(), random);
  const first = dataOwner.state(now);
  valueOf(server.takeState(first, now));
  for (const [index, payload] of payloads.entries()) {
    valueOf(await server.put(header, index, payload.slice()));
  }
  const none = valueOf(server.witness(header.id));
  const query = { columns: [0, 1], weights: { kind: 'seed' as const, seed: randomBytes(random, 32) } }; // prettier-ignore
  const audit = { nonce: randomBytes(random, 32), epoch: 0, columns: [0, 1] };
  const { values, proof } = valueOf(await server.answerQuery(header, query));
  const audited = valueOf(await server.answerAudit(header, audit, parties));
  valueOf(dataOwner.revoke(headerId(new Uint8Array(1))));
  const second = dataOwner.state(now);
  valueOf(server.takeState(second, now));
  // An author that signs the digest of a payload and opens another one.
  const other = at(payloads, 0).with(96, at(at(payloads, 0), 96) ^ 1);
  const columns = sealed.header.columns.map((column, j) => (j === 0 ? { ...column, digest: sha256(other) } : column)); // prettier-ignore
  const fraud = { signed: signHeader({ ...sealed.header, columns }, author), column: 0, payload: other }; // prettier-ignore
  const exchange: Exchange = {
    ...{ crs: crs.file, update, payloads, model: model.signed, zeros: at(model.payloads, 0) },
    ...{ sum, sumPayloads, states: [first, second], fraud },
    witnesses: [none, valueOf(server.witness(header.id))],
    query: { request: query, answer: { values, proof } },
    audit: { request: audit, answer: { mask: audited.mask, value: audited.value, proof: audited.proof } }, // prettier-ignore
  };
  return encodeCanonical(exchange);
}

/** What computes here, and SHA-256 of what it makes: the same wherever the same computes. */
export async function digest(seed: number): Promise<string> {
  return `${arithmetic.name} ${bytesToHex(sha256(await produce(seed)))}`;
}

/** What this machine says of each thing that another one made. */
export async function check(encoded: Uint8Array): Promise<Record<string, string>> {
  const exchange = valueOf(decodeCanonical(encoded)) as Exchange;
  const random = seededRandom(7);
  const verdicts: Record<string, string> = {};
  const note = <T>(name: string, result: Result<T>): Result<T> => {
    verdicts[name] = result.ok ? 'accepted' : result.error;
    return result;
  };
  const file = new Uint8Array(exchange.crs);
  const crs = valueOf(note('crs', await Crs.verify(file, sha256(file), random)));
  const verifier = new Verifier({ crs, task, ownerKey: owner.id, random });
  const update = valueOf(note('update', verifier.verifyHeader(exchange.update, 'admitted')));
  exchange.payloads.forEach((payload, j) => note(`chunk ${j}`, verifier.verifyChunk(update, j, payload))); // prettier-ignore
  const model = valueOf(note('zero model', verifier.verifyHeader(exchange.model, 'admitted')));
  note('zero chunk', verifier.verifyChunk(model, 0, exchange.zeros));
  const order = { manifest: sha256(update.signed.header), summands: [{ header: update, weight: 256 }] }; // prettier-ignore
  note('sum of another manifest', verifier.verifySum(exchange.sum, order, 'admitted'));
  const lanes = exchange.payloads.map((payload) => payload.subarray(96));
  const codes = new Uint8Array(lanes.flatMap((part) => [...part]));
  const sum = note('sum', verifier.verifySum(exchange.sum, { ...order, manifest: sha256(codes) }, 'admitted')); // prettier-ignore
  exchange.sumPayloads.forEach((payload, j) =>
    note(`sum chunk ${j}`, verifier.verifySumChunk(valueOf(sum), j, payload, 256)),
  );
  for (const [epoch, state] of exchange.states.entries()) {
    note(`state ${epoch}`, verifier.updateState(state, now));
    note(
      `witness ${epoch}`,
      verifier.verifyNonMembership(update.id, at(exchange.witnesses, epoch)),
    );
  }
  const { query, audit } = exchange;
  note('query', verifier.verifyQuery(update, query.request, query.answer));
  note('audit', verifier.verifyAudit(update, audit.request, parties, audit.answer));
  note('fraud', verifier.verifyFraud(exchange.fraud));
  return verdicts;
}
