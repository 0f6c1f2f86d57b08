export type { AdmittedBatch } from '../adapters/index.ts';
export { startParticipant, type Participant } from './participant.ts';
export type { HeaderDetails } from './header-details.ts';
export { RunningTab } from './running-tab.ts';
export type { StepName } from '../tab/index.ts';
export {
  type AppState,
  type AskedView,
  type BatchView,
  type ConnectionState,
  type CrsState,
  type DataState,
  type LogLine,
  type NamedValue,
  type OwnerState,
  type PeerView,
  type RefusalView,
  type RoundTiming,
} from './state.ts';
