import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import {
  encodeG1,
  encodeScalar,
  G1,
  groupOrder as r,
  pointAt,
  trustedG1s,
} from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom } from '../lib/index.ts';
import { answerAudit, auditAnswerSchema, auditRequestSchema, verifyAudit, type AuditAnswer, type AuditRequest } from './audit.ts'; // prettier-ignore
import { cutPayloads } from './batch.ts';
import type { VerifiedHeader } from './header.ts';
import { author, crs, errorOf, flipBit, makeBatch, makeTask, owner, scalars, sealCut, stranger, task, type TestBatch } from './testing.ts'; // prettier-ignore

const random = seededRandom(80);
const parties = { task, auditor: owner.id, holder: stranger.id };
const makeRequest = (columns: readonly number[], epoch = 3): AuditRequest => ({
  nonce: randomBytes(random, 32),
  epoch,
  columns: [...columns],
});

const answerOf = ({ verified, payloads }: TestBatch, request: AuditRequest) =>
  answerAudit(crs, verified, request, parties, request.columns.map((column) => at(payloads, column)), random); // prettier-ignore

const update = makeBatch(2 * 3840 + 700);
const file = makeBatch(7680 + 100, { kind: 'file' });
const zeros = makeBatch(new Uint8Array(5000));
const doesNotHold = 'audit: the proof does not hold';

describe('an answer to an audit', () => {
  test('of any columns holds: a mask, a value and a proof, 128 bytes', () => {
    const asked = fc.constantFrom(update, file, zeros).chain((batch) => {
      const all = batch.payloads.map((_, j) => j);
      return fc.tuple(fc.constant(batch), fc.subarray(all, { minLength: 1 }), fc.nat());
    });
    fc.assert(
      fc.property(asked, ([batch, columns, epoch]) => {
        const request = makeRequest(columns, epoch);
        const answer = answerOf(batch, request);
        expect(v.is(auditRequestSchema, request) && v.is(auditAnswerSchema, answer)).toBe(true);
        expect(answer.mask.length + answer.value.length + answer.proof.length).toBe(128);
        expect(errorOf(verifyAudit(crs, batch.verified, request, parties, answer, random))).toBe('accepted'); // prettier-ignore
      }),
      { numRuns: 8 },
    );
  });

  test('hides what it is of: two answers differ by more than a known factor', () => {
    // Unmasked, the value of a column at a known z would be a function of the data.
    const request = makeRequest([0]);
    const [one, two] = [answerOf(update, request), answerOf(update, request)];
    const number = (bytes: Uint8Array) => BigInt(`0x${bytesToHex(bytes)}`);
    expect(number(one.value)).not.toBe(number(two.value));
    expect(one.mask).not.toEqual(two.mask);
  });

  test('is another one for every nonce, every epoch, every batch, and every time', () => {
    const request = makeRequest([0, 2]);
    const requests = [request, { ...request, nonce: flipBit(request.nonce, 255) }, { ...request, epoch: 4 }]; // prettier-ignore
    const twin = sealCut(update.payloads, { round: 2 });
    const answers = [...requests.map((each) => answerOf(update, each)), answerOf(twin, request)];
    answers.push(answerOf(update, request));
    for (const part of ['mask', 'value', 'proof'] as const) {
      expect(new Set(answers.map((answer) => bytesToHex(answer[part]))).size).toBe(5);
    }
  });
});

describe('refused is an answer', () => {
  const request = makeRequest([0, 2]);
  const answer = answerOf(update, request);
  const verdict = (
    changed: Partial<AuditAnswer>,
    asked: AuditRequest = request,
    header: VerifiedHeader = update.verified,
    asking = parties,
  ) => errorOf(verifyAudit(crs, header, asked, asking, { ...answer, ...changed }, random));

  test('only if it is altered', () => {
    expect(verdict({})).toBe('accepted');
  });

  test('to another nonce: it cannot be kept while the data is thrown away', () => {
    expect(verdict({}, makeRequest([0, 2]))).toBe(doesNotHold);
    for (const bit of [0, 100, 255]) {
      const nonce = flipBit(request.nonce, bit);
      expect(verdict({}, { ...request, nonce })).toBe(doesNotHold);
    }
  });

  test('to another epoch, of other columns', () => {
    expect(verdict({}, { ...request, epoch: 4 })).toBe(doesNotHold);
    for (const columns of [[0], [2], [0, 1], [0, 1, 2]]) {
      expect(verdict({}, { ...request, columns })).toBe(doesNotHold);
    }
  });

  test('about another header, though it has the same columns', () => {
    expect(verdict({}, request, makeBatch(2 * 3840 + 700).verified)).toBe(doesNotHold);
    const twin = sealCut(update.payloads, { round: 2 });
    expect(twin.header.columns).toEqual(update.header.columns);
    expect(verdict({}, request, twin.verified)).toBe(doesNotHold);
    expect(verdict(answerOf(twin, request), request, twin.verified)).toBe('accepted');
    const one = { ...request, columns: [0] };
    expect(verdict(answerOf(update, one), one, twin.verified)).toBe(doesNotHold);
  });

  test('meant for another holder, or by another auditor: none can be passed on', () => {
    for (const other of [
      { ...parties, holder: author.id },
      { ...parties, auditor: author.id },
      { ...parties, task: makeTask() },
      { ...parties, auditor: parties.holder, holder: parties.auditor },
    ]) {
      expect(verdict({}, request, update.verified, other)).toBe(doesNotHold);
    }
  });

  test('with another mask, or none', () => {
    const point = G1.fromBytes(answer.mask);
    for (const other of [point.negate(), point.add(G1.BASE), G1.BASE]) {
      expect(verdict({ mask: other.toBytes() })).toBe(doesNotHold);
    }
    expect(verdict({ mask: G1.ZERO.toBytes() })).toBe('audit: mask: the identity point');
    const order3 = new Uint8Array(48).with(0, 0x80); // (0, 2)
    for (const mask of [order3, answer.mask.slice(1)]) {
      expect(verdict({ mask })).toMatch(/^audit: mask: /);
    }
  });

  test('against another commitment', () => {
    const commitments = update.verified.commitments.with(2, at(update.verified.commitments, 1));
    const other = { ...update.verified, commitments };
    expect(verdict({}, request, other)).toBe(doesNotHold);
  });

  test('with another value', () => {
    const value = BigInt(`0x${bytesToHex(answer.value)}`);
    for (const other of [(value + 1n) % r, r - value, 0n]) {
      expect(verdict({ value: encodeScalar(other) })).toBe(doesNotHold);
    }
    const congruent = encodeScalar(value + r);
    expect(verdict({ value: congruent })).toBe('audit: value: a scalar is not below the group order'); // prettier-ignore
    expect(verdict({ value: answer.value.slice(1) })).toBe('audit: value: a scalar has 32 bytes');
  });

  test('with another proof', () => {
    const point = G1.fromBytes(answer.proof);
    for (const other of [point.negate(), point.add(G1.BASE), G1.BASE, G1.ZERO]) {
      expect(verdict({ proof: other.toBytes() })).toBe(doesNotHold);
    }
    const order3 = new Uint8Array(48).with(0, 0x80); // (0, 2)
    const wrong = [order3, new Uint8Array(48), answer.proof.slice(1), flipBit(answer.proof, 7)];
    for (const proof of wrong) expect(verdict({ proof })).toMatch(/^audit: proof: /);
  });

  test('that is the opening which the header has already', () => {
    const { verified } = makeBatch(3000);
    const known = {
      value: at(verified.y, 0),
      proof: encodeG1(pointAt(trustedG1s(verified.pi), 0)),
    };
    expect(verdict(known, makeRequest([0]), verified)).toBe(doesNotHold);
  });

  test('from payloads of which one bit is lost, or in another order', () => {
    const [first, , third] = update.payloads;
    const lost = [at(update.payloads, 0), flipBit(at(update.payloads, 2), 8 * 500)];
    expect(verdict(answerAudit(crs, update.verified, request, parties, lost, random))).toBe(
      doesNotHold,
    );
    const blinded = [flipBit(at(update.payloads, 0), 255), at(update.payloads, 2)];
    expect(verdict(answerAudit(crs, update.verified, request, parties, blinded, random))).toBe(
      doesNotHold,
    );
    const swapped = [third, first].flatMap((each) => each ?? []);
    expect(verdict(answerAudit(crs, update.verified, request, parties, swapped, random))).toBe(
      doesNotHold,
    );
    expect(
      verdict(answerAudit(crs, update.verified, request, parties, lost.slice(0, 1), random)),
    ).toBe(doesNotHold);
  });

  test('of columns that the header lacks', () => {
    expect(verdict({}, { ...request, columns: [0, 3] })).toBe('audit: column 3 is not in the header'); // prettier-ignore
  });
});

test('what every member computes is audited as any other', () => {
  const model = sealCut(cutPayloads(randomBytes(random, 9000), scalars, 'bytes', null), { kind: 'model', author: owner }); // prettier-ignore
  const request = makeRequest([0, 1]);
  const verdict = verifyAudit(
    crs,
    model.verified,
    request,
    parties,
    answerOf(model, request),
    random,
  );
  expect(errorOf(verdict)).toBe('accepted');
});

test('a request is bounded: nonce, epoch, columns', () => {
  const request = makeRequest([0, 1, 1023], 0xffffffff);
  const fits = (changed: object) => v.is(auditRequestSchema, { ...request, ...changed });
  expect(fits({})).toBe(true);
  const refused: object[] = [
    { nonce: new Uint8Array(31) },
    { nonce: new Uint8Array(33) },
    { nonce: 'aa'.repeat(32) },
    { epoch: -1 },
    { epoch: 0.5 },
    { epoch: 2 ** 32 },
    { columns: [] },
    { columns: [1, 0] },
    { columns: [1, 1] },
    { columns: [1024] },
    { columns: Array.from({ length: 65 }, (_, i) => i) },
    { scalars: 512 },
  ];
  for (const each of refused) expect(fits(each)).toBe(false);
});
