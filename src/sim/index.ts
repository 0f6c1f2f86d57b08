export { faults, lies, runFaultCase, steps, type FaultCase } from './faults.ts';
export { fuzzCoordinator } from './fuzz/coordinator.ts';
export { fuzzEngine } from './fuzz/engine.ts';
export { fuzzFiles } from './fuzz/files.ts';
export { fuzzTab } from './fuzz/tab.ts';
export { allGather, home, oneSeed, type SwarmOutcome, type SwarmSettings } from './scenarios.ts';
