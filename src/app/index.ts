export { startParticipant, type Participant } from './participant.ts';
export { SwarmDriver } from './swarm-driver.ts';
export {
  type AppState,
  type BatchView,
  type ConnectionState,
  type DataState,
  type LogLine,
  type PeerView,
  type StepName,
} from './state.ts';
