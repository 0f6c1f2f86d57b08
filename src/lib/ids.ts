/** A string that only a check or a maker of its kind can have produced; `__brand` exists for the compiler alone. */
type Brand<T, B extends string> = T & { readonly __brand: B };

/** A member's identity: its Ed25519 public key, 64 lower-case hex digits. */
export type PeerId = Brand<string, 'PeerId'>;
/** First 16 bytes of the SHA-256 of the canonical task description, 32 hex digits. */
export type TaskId = Brand<string, 'TaskId'>;
/** SHA-256 of a canonical header, 64 hex digits. */
export type HeaderId = Brand<string, 'HeaderId'>;
/** A chunk's address within a task: `headerId:index`. */
export type ChunkKey = Brand<string, 'ChunkKey'>;

const hex = (digits: number) => new RegExp(`^[0-9a-f]{${digits}}$`);
const hex64 = hex(64);
const hex32 = hex(32);

export const isPeerId = (text: string): text is PeerId => hex64.test(text);
export const isHeaderId = (text: string): text is HeaderId => hex64.test(text);
export const isTaskId = (text: string): text is TaskId => hex32.test(text);

export function chunkKey(header: HeaderId, index: number): ChunkKey {
  return `${header}:${index}` as ChunkKey;
}

/** The first 8 digits: enough to tell members apart on a screen or in a log. */
export function shortId(id: PeerId | HeaderId | TaskId): string {
  return id.slice(0, 8);
}
