/** What this browser says of the space that this page's origin has; bytes. */
export interface DiskSpace {
  readonly used: number;
  /** How much it may be; browsers round and guess. */
  readonly quota: number;
  /** Whether the browser keeps it when disks run short. */
  readonly isPersistent: boolean;
}

/** null where the browser does not say, as outside of a secure context. */
export async function diskSpace(): Promise<DiskSpace | null> {
  if (!('storage' in navigator)) return null;
  const [{ usage, quota }, isPersistent] = await Promise.all([
    navigator.storage.estimate(),
    navigator.storage.persisted(),
  ]);
  return usage === undefined || quota === undefined ? null : { used: usage, quota, isPersistent };
}

/** Asks the browser not to delete what is stored when disks run short; some ask their user. */
export async function askToPersist(): Promise<void> {
  if ('storage' in navigator) await navigator.storage.persist();
}
