export { SwarmEngine, type EngineOptions } from './engine.ts';
export type { Block, SwarmEffect, SwarmEvent } from './events.ts';
export { neighbours, offers } from './topology.ts';
