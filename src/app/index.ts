export { startParticipant, type Participant } from './participant.ts';
export { SwarmDriver } from './swarm-driver.ts';
export {
  initialState,
  type AppState,
  type BatchView,
  type ConnectionState,
  type DataState,
  type LogLine,
  type PeerView,
  type RateSample,
  type RoundView,
  type StepName,
} from './state.ts';
export type { AppStore } from './store.ts';
