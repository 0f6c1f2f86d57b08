export { memberCredentials, type ChannelEnds, type Credentials } from './credentials.ts';
export { Drain } from './drain.ts';
export { SwarmEngine } from './engine.ts';
export type { Block, SwarmEffect, SwarmEvent } from './events.ts';
export { Packer } from './packer.ts';
export { neighbours, offers, type Placed } from './topology.ts';
