import { createStore, type StoreApi } from 'zustand/vanilla';
import { limits } from '../protocol/index.ts';
import { initialState, type AppState, type LogLine } from './state.ts';

export type AppStore = StoreApi<AppState>;

export function createAppStore(): AppStore {
  return createStore<AppState>(() => initialState);
}

let lines = 0;

/** Adds a line to the event log; the oldest goes when it is full. */
export function addLog(store: AppStore, level: LogLine['level'], text: string): void {
  const line = { id: lines++, at: Date.now(), level, text };
  store.setState(({ log }) => ({ log: [...log.slice(1 - limits.logLines), line] }));
}

/** Adds something that works less well than it could; said once. */
export function addNotice(store: AppStore, text: string): void {
  store.setState(({ notices }) => (notices.includes(text) ? {} : { notices: [...notices, text] }));
}
