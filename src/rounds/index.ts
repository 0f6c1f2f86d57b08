export { RoundCoordinator, patience, type CoordinatorOptions } from './coordinator.ts';
export type { CoordinatorEffect, CoordinatorEvent, RoundMessage } from './coordinator-state.ts';
export { RoundMember } from './member.ts';
export type { MemberEffect, MemberEvent, RoundRef, Step } from './member-state.ts';
export {
  verifyServerMessage,
  type RoundServerMessage,
  type VerifiedMessage,
} from './verify-message.ts';
