export { RoundNetwork, type SimulatedMember } from './round-network.ts';
export { SwarmNetwork, type SimulatedBatch, type SimulatedPeer } from './swarm-network.ts';
