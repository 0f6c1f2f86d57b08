export { chunkBytes, cutBatch, cutPayloads, joinLanes, verifyChunk } from './batch.ts';
export {
  admitHeader,
  decodeHeader,
  headerId,
  signedHeaderSchema,
  signHeader,
  verifyHeader,
  type SignedHeader,
  type VerifiedHeader,
} from './header.ts';
export {
  blindingBytes,
  chooseScalars,
  chunkCount,
  payloadBytes,
  scalarCounts,
  type ScalarCount,
} from './lanes.ts';
