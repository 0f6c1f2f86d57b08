import * as v from 'valibot';
import { scalarCounts } from '../vds/index.ts';
import { bytesOf, finite, peerId, whole } from './fields.ts';
import { limits } from './limits.ts';

const name = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.nameLength),
  // Decoders take it for a byte order mark and drop it: the description would not round-trip.
  v.check((text) => !text.startsWith('\uFEFF'), 'starts with a byte order mark'),
);
const milliseconds = whole(100, 24 * 3600_000);

const classes = v.pipe(
  v.array(name),
  v.minLength(2),
  v.maxLength(limits.classes),
  v.check((names) => new Set(names).size === names.length, 'two classes have the same name'),
);

const numericColumn = v.strictObject({
  kind: v.literal('numeric'),
  name,
  /** Statistics of the task, by which every member standardises alike. */
  mean: finite(-1e30, 1e30),
  deviation: v.pipe(v.number(), v.finite(), v.gtValue(0)),
});
const categoricalColumn = v.strictObject({ kind: v.literal('categorical'), name, values: classes });

/** A column of a table: numeric ones are standardised, categorical ones become one-hot. */
const columnSchema = v.variant('kind', [numericColumn, categoricalColumn]);
export type Column = v.InferOutput<typeof columnSchema>;

const imageData = v.strictObject({
  kind: v.literal('image'),
  /** pixels */
  width: whole(1, limits.imageSide),
  /** pixels */
  height: whole(1, limits.imageSide),
  channels: v.picklist([1, 3]),
  classes,
  /** The built-in data a member without files of its own may train on. */
  builtIn: v.nullable(
    v.strictObject({
      generator: v.literal('digits'),
      seed: whole(0, 0xffffffff),
      samplesPerMember: whole(10, 100_000),
      /** null: every class equally often; a number: class shares drawn from Dirichlet(alpha). */
      alpha: v.nullable(finite(0.01, 1000)),
    }),
  ),
});

const tableData = v.strictObject({
  kind: v.literal('table'),
  columns: v.pipe(v.array(columnSchema), v.minLength(1), v.maxLength(limits.tableColumns)),
  /** A categorical target makes a classification, a numeric one a regression. */
  target: columnSchema,
});

/** What a member's data must look like. */
export const dataSchema = v.variant('kind', [imageData, tableData]);
export type DataDescription = v.InferOutput<typeof dataSchema>;
export type ImageData = v.InferOutput<typeof imageData>;
export type TableData = v.InferOutput<typeof tableData>;

/** A multi-layer perceptron with ReLU between its layers; no hidden layer makes it linear. */
const modelSchema = v.strictObject({
  kind: v.literal('mlp'),
  hidden: v.pipe(v.array(whole(1, 4096)), v.maxLength(8)),
});
export type ModelDescription = v.InferOutput<typeof modelSchema>;

const trainingSchema = v.strictObject({
  localEpochs: whole(1, 100),
  batchSize: whole(1, 4096),
  learningRate: finite(1e-6, 10),
  momentum: finite(0, 0.999),
  /** Share of its own data that each member holds out for validation. */
  validationShare: finite(0, 0.9),
});
export type TrainingOptions = v.InferOutput<typeof trainingSchema>;

/** Who is connected with whom; `swarm/topology.ts` says how. */
const topologySchema = v.variant('kind', [
  /** Everybody with everybody. */
  v.strictObject({ kind: v.literal('mesh') }),
  /** Everybody with so many others; with as few members, with all of them. */
  v.strictObject({
    kind: v.literal('random-regular'),
    degree: v.pipe(whole(2, 20), v.multipleOf(2, 'degree must be even')),
  }),
  v.strictObject({ kind: v.literal('ring') }),
  /** Everybody with the member that has been there longest. */
  v.strictObject({ kind: v.literal('star') }),
]);
export type Topology = v.InferOutput<typeof topologySchema>;

/** Members that a topology takes: what browsers manage in connections bounds those with a centre. */
export function largestSwarm(kind: Topology['kind']): number {
  const largest: Record<Topology['kind'], number> = {
    mesh: 20,
    'random-regular': limits.members,
    ring: limits.members,
    star: limits.links,
  };
  return largest[kind];
}

const membersSchema = v.pipe(
  v.strictObject({
    /** The first round waits for so many members with data. */
    minimum: whole(1, limits.members),
    /** A round counts with at least so many updates; else it is opened again. */
    quorum: whole(1, limits.members),
    maximum: whole(1, limits.members),
  }),
  v.check(({ minimum, maximum }) => minimum <= maximum, 'minimum is above maximum'),
  v.check(({ minimum, quorum }) => quorum <= minimum, 'quorum is above minimum'),
);

/**
 * One model trained by one swarm. The description is public and never changes: its hash is the
 * task's id, so a link pins everything in here, the Data Owner's key included.
 */
export const taskSchema = v.pipe(
  v.strictObject({
    type: v.literal('task'),
    version: v.literal(3),
    name,
    /** The Data Owner's Ed25519 public key. */
    ownerKey: peerId,
    /** Makes two tasks with the same settings different. */
    nonce: bytesOf(16),
    data: dataSchema,
    model: modelSchema,
    training: trainingSchema,
    /** After so many rounds the Data Owner is asked how to go on; null: it goes on by itself. */
    rounds: v.nullable(whole(1, 100_000)),
    members: membersSchema,
    /** How long each phase of a round may last. */
    deadlines: v.strictObject({
      trainMs: milliseconds,
      admitMs: milliseconds,
      exchangeMs: milliseconds,
    }),
    exchange: v.strictObject({
      mode: v.literal('gossip'),
      topology: topologySchema,
      /** Neighbours that a tab serves at once, besides one that it tries. */
      uploadSlots: whole(1, limits.links),
      /** Scalars per chunk (VDS.md: n). */
      scalars: v.picklist(scalarCounts),
    }),
    /** SHA-256 of the CRS that everything in the task is committed with. */
    crs: bytesOf(32),
  }),
  v.check(
    ({ members, exchange }) => members.maximum <= largestSwarm(exchange.topology.kind),
    'the topology does not take as many members',
  ),
);
export type TaskDescription = v.InferOutput<typeof taskSchema>;
