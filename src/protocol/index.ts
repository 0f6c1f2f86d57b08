export { clientCodec, peerCodec, serverCodec } from './codec.ts';
export { limits } from './limits.ts';
export {
  openingOf,
  settingsDigest,
  signOpen,
  verifyOpen,
  type VerifiedOpen,
} from './round-open.ts';
export { signFreeze, verifyFreeze, type Freeze } from './freeze.ts';
export {
  isReduction,
  manifestDigest,
  namedUpdates,
  signManifest,
  verifyManifest,
  type Manifest,
  type VerifiedManifest,
} from './manifest.ts';
export { signMembership, verifyMembership } from './membership.ts';
export { ownerApi, type OwnerApi } from './owner-api.ts';
export { handshakeBytes, type PeerMessage } from './peer-messages.ts';
export { judgeAnswer } from './questions.ts';
export type { Answer, Parties, Question, Readers, Verdict } from './questions.ts';
export {
  roundRecordSchema,
  type ClientMessage,
  type Member,
  type Metrics,
  type RoundRecord,
  type ServerMessage,
} from './server-messages.ts';
export type { Signed } from '../crypto/index.ts';
export { taskIdOf } from './task-id.ts';
export {
  dataSchema,
  largestSwarm,
  taskSchema,
  type Column,
  type DataDescription,
  type ImageData,
  type ModelDescription,
  type TableData,
  type TaskDescription,
  type Topology,
  type TrainingOptions,
} from './task.ts';
export { signStatement, verifyStatement, type Statement } from './vouch.ts';
export { protocolVersion } from './version.ts';
export { decodeSignal } from './signal.ts';
