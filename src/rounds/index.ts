export { RoundCoordinator } from './coordinator.ts';
export type { CoordinatorEffect, CoordinatorEvent, Marked } from './coordinator-state.ts';
export {
  checkExportedRound,
  decodeExportedRound,
  encodeExportedRound,
  type Check,
  type ExportedRound,
} from './exported-round.ts';
export { finishRecord } from './finish-record.ts';
export { Holder } from './holder.ts';
export { carryOut, planMean, planParameter, type QueryPlan } from './named-query.ts';
export { RoundMember } from './member.ts';
export type { MemberEffect, MemberEvent } from './member-state.ts';
export { SumCollection, type Collect, type DeliveredSum } from './sum-collection.ts';
export {
  isUnsigned,
  MessageVerifier,
  summandsOf,
  type RoundServerMessage,
  type VerifiedMessage,
} from './verify-message.ts';
