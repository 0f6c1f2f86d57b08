import { describe, expect, test } from 'vitest';
import { encodeCanonical, identityOf, sha256 } from '../crypto/index.ts';
import { bytesToHex, isTaskId } from '../lib/index.ts';
import { taskIdOf } from './task-id.ts';
import type { TaskDescription } from './task.ts';

const description: TaskDescription = {
  type: 'task',
  version: 3,
  name: 'Irises',
  ownerKey: identityOf(new Uint8Array(32).fill(1)).id,
  nonce: new Uint8Array(16).fill(7),
  data: {
    kind: 'table',
    columns: [
      { kind: 'numeric', name: 'sepal length', mean: 5.8, deviation: 0.8 },
      { kind: 'categorical', name: 'colour', values: ['blue', 'violet'] },
    ],
    target: { kind: 'categorical', name: 'species', values: ['setosa', 'virginica'] },
  },
  model: { kind: 'mlp', hidden: [16] },
  training: {
    localEpochs: 2,
    batchSize: 32,
    learningRate: 0.02,
    momentum: 0.9,
    validationShare: 0.1,
  },
  rounds: 30,
  members: { minimum: 3, quorum: 2, maximum: 20 },
  deadlines: { trainMs: 60_000, admitMs: 30_000, exchangeMs: 60_000 },
  exchange: { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: 4, scalars: 256 },
  crs: new Uint8Array(32).fill(9),
};

type Path = readonly (string | number)[];

/** The path of everything in a value that is not itself made of parts. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [path];
  return Object.entries(value).flatMap(([key, part]) =>
    leaves(part, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

/** A value like `value`, different in the leaf at `path` alone. */
function changedAt(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  if (key === undefined) {
    if (typeof value === 'number') return value + 1;
    if (typeof value === 'string') return `${value}!`;
    if (value instanceof Uint8Array) return value.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    throw new Error('a part of a kind that no description has');
  }
  if (Array.isArray(value)) {
    return value.map((part: unknown, i) => (i === key ? changedAt(part, rest) : part));
  }
  return Object.fromEntries(
    Object.entries(value as object).map(([name, part]: [string, unknown]) => [
      name,
      name === key ? changedAt(part, rest) : part,
    ]),
  );
}

/** The same value with the keys of every object in reverse. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, part]: [string, unknown]) => [key, reversed(part)] as const)
      .reverse(),
  );
}

describe('a task’s id', () => {
  test('is the first half of the SHA-256 of the canonical description', () => {
    const id = taskIdOf(description);
    expect(isTaskId(id)).toBe(true);
    expect(bytesToHex(sha256(encodeCanonical(description))).slice(0, 32)).toBe(id);
  });

  const paths = leaves(description);
  test.each(paths.map((path) => [path.join('.'), path] as const))('changes with %s', (_, path) => {
    expect(taskIdOf(changedAt(description, path) as TaskDescription)).not.toBe(
      taskIdOf(description),
    );
  });

  test('changes with every field left out', () => {
    const ids = Object.keys(description).map((left) =>
      taskIdOf(
        Object.fromEntries(
          Object.entries(description).filter(([key]) => key !== left),
        ) as unknown as TaskDescription,
      ),
    );
    expect(new Set([...ids, taskIdOf(description)]).size).toBe(ids.length + 1);
  });

  test('does not depend on the order of keys', () => {
    const turned = reversed(description) as TaskDescription;
    expect(Object.keys(turned)[0]).toBe('crs');
    expect(taskIdOf(turned)).toBe(taskIdOf(description));
  });
});
