import { createTheme, useComputedColorScheme } from '@mantine/core';
import type { CSSVariablesResolver, MantineColorsTuple } from '@mantine/core';

/** What canvases need as values; the same colours reach CSS as `--mm-…`. */
export interface Palette {
  readonly page: string;
  readonly card: string;
  readonly line: string;
  readonly text: string;
  readonly faint: string;
  /** The swarm's series, and chunks that are held. */
  readonly swarm: string;
  /** This tab's series, and chunks on their way. */
  readonly own: string;
  readonly missing: string;
  readonly good: string;
  readonly bad: string;
}

// Text colours reach 4.5:1 on the card, marks 3:1 (WCAG 2.2 AA).
const palettes: Record<'light' | 'dark', Palette> = {
  light: {
    page: '#f4f6f9',
    card: '#ffffff',
    line: '#e1e6ec',
    text: '#1d2733',
    faint: '#5a6775',
    swarm: '#2f66b8',
    own: '#b35a08',
    missing: '#dfe5ec',
    good: '#1c7a54',
    bad: '#c02b35',
  },
  dark: {
    page: '#0f1419',
    card: '#171d24',
    line: '#29323c',
    text: '#e3e9f0',
    faint: '#98a5b3',
    swarm: '#6fa3ee',
    own: '#eda257',
    missing: '#2c3641',
    good: '#5cc79a',
    bad: '#f28088',
  },
};

const dusk: MantineColorsTuple = [
  '#eef4fc',
  '#dce7f6',
  '#b5cdec',
  '#8bb1e3',
  '#6899db',
  '#528ad6',
  '#3f79c9',
  '#2f66b8',
  '#27579f',
  '#1d4787',
];

/** Neutrals with a breath of the same blue. */
const dark: MantineColorsTuple = [
  '#e3e9f0',
  '#bcc7d2',
  '#98a5b3',
  '#667482',
  '#3a4653',
  '#29323c',
  '#1e262f',
  '#171d24',
  '#12181e',
  '#0f1419',
];

export const theme = createTheme({
  colors: { dusk, dark },
  primaryColor: 'dusk',
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace",
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: variablesOf(palettes.light),
  dark: variablesOf(palettes.dark),
});

function variablesOf(palette: Palette): Record<string, string> {
  const own = Object.entries(palette).map(([name, colour]) => [`--mm-${name}`, String(colour)]);
  return {
    ...(Object.fromEntries(own) as Record<string, string>),
    '--mantine-color-body': palette.page,
    '--mantine-color-text': palette.text,
    '--mantine-color-dimmed': palette.faint,
  };
}

/** The colours of the scheme on screen. */
export function usePalette(): Palette {
  return palettes[useComputedColorScheme('light', { getInitialValueInEffect: false })];
}
