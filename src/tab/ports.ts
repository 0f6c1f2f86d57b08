import type { TabEffect, TabEvent } from './events.ts';

/** What becomes of an effect is said by an event; see `events.ts` for which are answered. */
export type Answer = (...events: readonly TabEvent[]) => void;

/** Carries out effects, each by its name. */
export type Handlers<T extends TabEffect['type']> = {
  readonly [K in T]: (effect: Extract<TabEffect, { type: K }>, answer: Answer) => void;
};

/** Connections with neighbours. */
export type LinkPort = Handlers<'neighbours' | 'signal' | 'send' | 'close'>;
/** The connection to the coordinator. */
export type CoordinatorPort = Handlers<'tell' | 'reconnect'>;
/** Verifies, keeps, proves. */
export type StorePort = Handlers<'verify' | 'add' | 'store' | 'read' | 'relay' | 'answer' | 'keep' | 'drop'>; // prettier-ignore
/** The server as the seed of last resort. */
export type SeedPort = Handlers<'seed'>;
export type TrainerPort = Handlers<
  | 'train'
  | 'cancel-training'
  | 'seal'
  | 'aggregate'
  | 'prove-sum'
  | 'feedback'
  | 'install'
  | 'evaluate'
>;
/** Who looks on; nothing depends on it. */
export type OnlookerPort = Handlers<'followed' | 'not-followed' | 'bad-chunk' | 'computed' | 'measured' | 'timed' | 'pause' | 'asked' | 'log'>; // prettier-ignore

export type Ports = LinkPort & CoordinatorPort & StorePort & SeedPort & TrainerPort & OnlookerPort;
