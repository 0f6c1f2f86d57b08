import { bls12_381 } from '@noble/curves/bls12-381.js';
import { pippenger } from '@noble/curves/abstract/curve.js';
import {
  bigIntArithmetic,
  G1,
  identityOf,
  randomScalar,
  sha256,
  type G1Point,
} from '../src/crypto/index.ts';
import { at, randomBytes, seededRandom, uint16ToBytes, utf8ToBytes } from '../src/lib/index.ts';
import type { Result, TaskId } from '../src/lib/index.ts';
import { admitHeader, CommitmentKey, Crs, cutPayloads, DataOwner, drawBlinders, headerId, joinLanes, MemoryChunkStore, noOpening, sealPayloads, signHeader, StorageServer, sumBlinders, Verifier } from '../src/vds/index.ts'; // prettier-ignore
import type { FlatResult } from './result.ts';

const n = 1024;
/** Lanes of a full update chunk, and chunks of the update that is measured. */
const chunkLanes = 15 * n;
const chunks = 8;

const now = () => performance.now();

function valueOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** The shortest of some runs: a machine is slowed down by others, never sped up. ms */
async function shortest(runs: number, work: () => unknown): Promise<number> {
  let best = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = now();
    await work();
    best = Math.min(best, now() - start);
  }
  return best;
}

/**
 * What the VDS library costs at n = 1024, in whatever this runs in. Baselines, in the same run:
 * noble's `pippenger` over the packed scalars of the chunk, noble's `pairingBatch` of two pairs.
 *
 * @param onPhase told what is measured next
 */
export async function measureVds(onPhase: (name: string) => void): Promise<FlatResult> {
  const random = seededRandom(1);
  const owner = identityOf(sha256(utf8ToBytes('bench owner')));
  const authors = Array.from({ length: 16 }, (_, k) => identityOf(sha256(new Uint8Array([k]))));
  const task = 'be'.repeat(16) as TaskId;

  onPhase('CRS');
  let start = now();
  const made = await Crs.generate(n, random);
  const crsCreateMs = now() - start;
  start = now();
  const crs = valueOf(await Crs.verify(made.file, made.digest, random));
  const crsVerifyMs = now() - start;
  const crsCachedMs = await shortest(3, () => valueOf(Crs.open(made.file, made.digest)));
  start = now();
  const key = await CommitmentKey.build(crs);
  const tableMs = now() - start;

  onPhase('commitments');
  const lanes = randomBytes(random, chunkLanes);
  const blinding = drawBlinders(lanes.length, n, 'update', random);
  const [payload = new Uint8Array()] = cutPayloads(lanes, n, 'update', blinding);
  const points = Array.from({ length: n }, (_, i) => crs.g1(i + 1));
  const scalars = points.map((_, i) =>
    lanes.subarray(15 * i, 15 * i + 15).reduceRight((sum, lane) => (sum << 16n) | BigInt(lane), 0n),
  );
  const pippengerMs = await shortest(3, () => pippenger(G1, points, scalars));
  const fullScalars = points.map(() => randomScalar(random));
  const pippengerFullMs = await shortest(2, () => pippenger(G1, points, fullScalars));
  const commitMs = await shortest(15, () => key.commit(payload, 'update'));
  onPhase('the same by BigInt');
  const byBigInt = await CommitmentKey.build(crs, () => undefined, bigIntArithmetic);
  const commitBigIntMs = await shortest(5, () => byBigInt.commit(payload, 'update'));

  onPhase('headers');
  const seal = async (k: number, length = chunkLanes * chunks) => {
    const codes = randomBytes(random, length);
    const author = at(authors, k);
    const payloads = cutPayloads(codes, n, 'update', drawBlinders(length, n, 'update', random));
    const about = {
      task,
      opening: noOpening,
      round: 1,
      kind: 'update',
      author: author.id,
    } as const;
    const time = { seconds: () => 1, random };
    let committed = 0;
    const sealed = await sealPayloads(key, about, payloads, time, (share) => {
      if (share < 1) committed = now();
    });
    const openMs = now() - committed;
    return {
      codes,
      payloads,
      openMs,
      signed: admitHeader(signHeader(sealed.header, author), owner),
    };
  };
  const updates = [];
  for (let k = 0; k < authors.length; k++) updates.push(await seal(k, k < 2 ? undefined : 15));
  let openMs = Infinity;
  for (let run = 0; run < 8; run++) openMs = Math.min(openMs, (await seal(0)).openMs);
  const makeVerifier = () => new Verifier({ crs, task, ownerKey: owner.id, random });
  const small = updates.map((each) => each.signed).slice(2);
  const sixteen = [...small, ...(await Promise.all([0, 1].map((k) => seal(k, 15)))).map((each) => each.signed)]; // prettier-ignore
  const verify = (headers: typeof sixteen) => {
    for (const result of makeVerifier().verifyHeaders(headers, 'admitted')) valueOf(result);
  };
  verify(sixteen);
  const oneMs = await shortest(5, () => verify(sixteen.slice(0, 1)));
  const sixteenMs = await shortest(3, () => verify(sixteen));

  onPhase('chunks');
  const verifier = makeVerifier();
  const headers = updates.slice(0, 2).map(({ signed }) => valueOf(verifier.verifyHeader(signed, 'admitted'))); // prettier-ignore
  const first = at(updates, 0);
  const header = at(headers, 0);
  const chunkMs = await shortest(20, () =>
    valueOf(verifier.verifyChunk(header, 0, at(first.payloads, 0))),
  );
  const pair = (k: bigint): { g1: G1Point; g2: typeof bls12_381.G2.Point.BASE } => ({
    g1: G1.BASE.multiply(k),
    g2: bls12_381.G2.Point.BASE.multiply(k + 1n),
  });
  const pairs = [pair(randomScalar(random) - 1n), pair(randomScalar(random) - 1n)];
  const pairingMs = await shortest(5, () => bls12_381.pairingBatch(pairs));

  onPhase('sums');
  const weights = [200, 56];
  const sums = new Uint16Array(header.byteLength);
  const both = updates.slice(0, 2);
  both.forEach(({ codes }, k) => codes.forEach((code, i) => (sums[i] = (sums[i] ?? 0) + code * at(weights, k)))); // prettier-ignore
  const terms = both.map(({ payloads }, k) => ({ payloads, weight: at(weights, k) }));
  const sumPayloads = cutPayloads(uint16ToBytes(sums), n, 'sum', sumBlinders(terms));
  const manifest = sha256(lanes);
  const aggregator = at(authors, 0);
  const order = { manifest, summands: headers.map((each, k) => ({ header: each, weight: at(weights, k) })) }; // prettier-ignore
  const openSum = () =>
    sealPayloads(
      key,
      {
        ...{ task, opening: noOpening, round: 1, kind: 'sum', author: aggregator.id },
        sum: { manifest, chunks: sumPayloads.map((_, index) => index) },
      },
      sumPayloads,
      null,
    );
  const sum = admitHeader(signHeader((await openSum()).header, aggregator), owner);
  const sumOpenMs = await shortest(3, openSum);
  const sumVerifyMs = await shortest(3, () => valueOf(verifier.verifySum(sum, order, 'admitted')));

  onPhase('queries and audits');
  const dataOwner = new DataOwner({ task, crs, identity: owner, random });
  const server = new StorageServer(verifier, new MemoryChunkStore(), random);
  valueOf(server.takeState(dataOwner.state(0), 0));
  for (const [index, each] of first.payloads.entries()) {
    valueOf(await server.put(header, index, each.slice()));
  }
  const seed = randomBytes(random, 32);
  const query = { columns: [0], weights: { kind: 'seed', seed } } as const;
  const asked = { ...query, columns: [...query.columns] };
  const answer = valueOf(await server.answerQuery(header, asked));
  const queryMs = await shortest(3, () => server.answerQuery(header, asked));
  const queryVerifyMs = await shortest(3, () => valueOf(verifier.verifyQuery(header, asked, answer))); // prettier-ignore
  const audit = { nonce: seed, epoch: 0, columns: header.columns.map((_, column) => column) };
  const parties = { auditor: owner.id, holder: aggregator.id };
  const proof = valueOf(await server.answerAudit(header, audit, parties));
  const auditMs = await shortest(3, () => server.answerAudit(header, audit, parties));
  const auditVerifyMs = await shortest(3, () => valueOf(verifier.verifyAudit(header, audit, parties, proof))); // prettier-ignore

  onPhase('revocation');
  const held = Array.from({ length: 32 }, (_, k) => headerId(new Uint8Array([k])));
  for (const each of held) valueOf(server.witness(each));
  let witnessRefreshMs = Infinity;
  for (let k = 0; k < 3; k++) {
    valueOf(dataOwner.revoke(headerId(new Uint8Array([1, k]))));
    const update = dataOwner.state(0);
    start = now();
    valueOf(server.takeState(update, 0));
    witnessRefreshMs = Math.min(witnessRefreshMs, (now() - start) / held.length);
  }
  joinLanes(header, first.payloads);
  return {
    ratios: {
      commitVsPippenger: commitMs / pippengerMs,
      commitVsBigInt: commitMs / commitBigIntMs,
      openVsPippenger: openMs / pippengerFullMs,
      headers16VsOne: sixteenMs / oneMs,
      chunkCheckVsPairing: chunkMs / pairingMs,
    },
    values: {
      commitMs,
      commitParamsPerSecond: (chunkLanes / commitMs) * 1000,
      openMs,
      headerVerifyMs: oneMs,
      chunkCheckMs: chunkMs,
      pairingMs,
      sumOpenMs,
      sumVerifyMs,
      queryMs,
      queryVerifyMs,
      auditMs,
      auditVerifyMs,
      witnessRefreshMs,
      crsCreateMs,
      crsVerifyMs,
      crsCachedMs,
      tableMs,
      tableBytes: key.table.bytes,
    },
  };
}
