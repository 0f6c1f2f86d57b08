import { createContext, use } from 'react';
import { useStore } from 'zustand';
import type { AppState, Participant } from '../app/index.ts';

/** What the dashboard needs of the participant: its state, and what the user can ask of it. */
export type Controls = Pick<
  Participant,
  'store' | 'useBuiltIn' | 'useFiles' | 'setActive' | 'asker' | 'details' | 'owner'
>;

export const ControlsContext = createContext<Controls | null>(null);

export function useControls(): Controls {
  const controls = use(ControlsContext);
  if (controls === null) throw new Error('a component of the dashboard is outside <App>');
  return controls;
}

/** A slice of the state; the component renders again only when the slice is another one. */
export function useApp<T>(select: (state: AppState) => T): T {
  return useStore(useControls().store, select);
}
