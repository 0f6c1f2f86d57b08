const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `1.4 MB`: decimal units, as download tools count. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.5 ? 0 : value >= 9.95 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

export const rate = (bytesPerSecond: number) => `${bytes(bytesPerSecond)}/s`;
export const percent = (share: number) => `${(share * 100).toFixed(1)}%`;
export const wholePercent = (share: number) => `${Math.round(share * 100)}%`;
export const decimal = (value: number) =>
  Math.abs(value) >= 1000 ? value.toPrecision(3) : value.toFixed(3);
/** At most three digits, no zeros at the end: for axes. */
export const brief = (value: number) => String(Number(value.toPrecision(3)));
export const count = (value: number) => value.toLocaleString('en');

/** A remark of the machinery's as a sentence. */
export const sentence = (text: string) =>
  text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

/** `1 member`, `3 members`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** `14:03:59` @param at ms since 1970 */
export const clock = (at: number) => clockFormat.format(at);

/** At most six digits that count, no zeros at the end. */
export const significant = (value: number) => String(Number(value.toPrecision(6)));
