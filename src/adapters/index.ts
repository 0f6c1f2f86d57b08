export { Alarm, now } from './clock.ts';
export { CoordinatorLink } from './coordinator-link.ts';
export { databaseOf, openIdentity, seedOf } from './identity.ts';
export { PeerLinks } from './peer-links.ts';
export { fetchSeed } from './seed-client.ts';
export { systemRandom } from './system-random.ts';
export type { StorageService } from './storage-service.ts';
export type { DataSummary, TrainingService } from './training-service.ts';
export { startStorage, startTraining } from './workers.ts';
