import type { HeaderId, PeerId } from '../lib/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** What stands for a verified header where nothing is verified. */
export function testHeader(
  name: number,
  columns: number,
  kind: VerifiedHeader['kind'] = 'update',
): VerifiedHeader {
  const id = name.toString(16).padStart(64, '0') as HeaderId;
  const about = {
    ...{ id, kind, columns: Array.from({ length: columns }, () => ({})) },
    ...{ byteLength: columns * 15 * 256, scalars: 256, lanes: 'update', sum: null },
  };
  return about as unknown as VerifiedHeader;
}

export function testPeer(name: number): PeerId {
  return name.toString(16).padStart(64, 'a') as PeerId;
}
