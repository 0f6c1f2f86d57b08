export { TabDriver } from './driver.ts';
export { Entrance, type EntranceEffect } from './entrance.ts';
export type { StepName, StepTimes, TabEffect, TabEvent } from './events.ts';
export type {
  Answer,
  LinkPort,
  OnlookerPort,
  Ports,
  SeedPort,
  StorePort,
  TrainerPort,
} from './ports.ts';
export { Tab, type TabOptions } from './tab.ts';
