export { auditAnswerSchema, auditRequestSchema, type AuditParties } from './audit.ts';
export {
  chunkBytes,
  cutPayloads,
  drawBlinders,
  joinLanes,
  noOpening,
  sealAtOnce,
  sealPayloads,
  type Sealing,
  verifyChunk,
} from './batch.ts';
export { MemoryChunkStore, type ChunkStore } from './chunk-store.ts';
export { CommitmentKey, type CommitChunks } from './commitment.ts';
export { Crs, type OnProgress } from './crs.ts';
export { DataOwner, type GlobalKey } from './data-owner.ts';
export { fraudProofSchema, type FraudProof } from './fraud.ts';
export {
  admitHeader,
  decodeHeader,
  headerId,
  openingPointOf,
  maxColumns,
  signedHeaderSchema,
  signHeader,
  type Header,
  type SignedHeader,
  type VerifiedHeader,
} from './header.ts';
export {
  blindingBytes,
  chooseScalars,
  chunkCount,
  laneAddress,
  payloadBytes,
  scalarCounts,
  type ScalarCount,
} from './lanes.ts';
export { decodableScalars, decodeLanes, maxAskedColumns, queryAnswerSchema, queryRequestSchema, type QueryRequest } from './query.ts'; // prettier-ignore
export { stateUpdateSchema, type StateUpdate } from './state.ts';
export { StorageServer } from './storage-server.ts';
export { sumBlinders, type SumOrder, type Summand } from './sum.ts';
export { Verifier, witnessSchema, type Equivocation, type Witness } from './verifier.ts';
