export { clientCodec, peerCodec, serverCodec } from './codec.ts';
export { limits } from './limits.ts';
export { signManifest, verifyManifest, type Manifest } from './manifest.ts';
export { signMembership, verifyMembership } from './membership.ts';
export type { PeerMessage } from './peer-messages.ts';
export {
  roundRecordSchema,
  type ClientMessage,
  type Member,
  type Metrics,
  type RoundRecord,
  type ServerMessage,
} from './server-messages.ts';
export type { Signed } from './signed.ts';
export { taskIdOf } from './task-id.ts';
export {
  dataSchema,
  taskSchema,
  type Column,
  type DataDescription,
  type ImageData,
  type ModelDescription,
  type TableData,
  type TaskDescription,
  type TrainingOptions,
} from './task.ts';
export { protocolVersion } from './version.ts';
