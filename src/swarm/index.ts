export { memberCredentials, type ChannelEnds } from './credentials.ts';
export { SwarmEngine } from './engine.ts';
export type { SwarmEffect, SwarmEvent } from './events.ts';
export { neighbours, offers } from './topology.ts';
