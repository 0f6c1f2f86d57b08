import { memo } from 'react';
import { shortId, type PeerId } from '../lib/index.ts';

const byteOf = (id: PeerId, index: number) => parseInt(id.slice(index * 2, index * 2 + 2), 16);

/** Cells of a 5×5 pattern, mirrored, from 15 bits of the id. */
function cellsOf(id: PeerId): string {
  let path = '';
  for (let row = 0; row < 5; row++) {
    for (let column = 0; column < 3; column++) {
      const bit = row * 3 + column;
      if (((byteOf(id, 4 + (bit >> 3)) >> (bit & 7)) & 1) === 0) continue;
      path += `M${column} ${row}h1v1h-1z`;
      if (column < 2) path += `M${4 - column} ${row}h1v1h-1z`;
    }
  }
  return path;
}

/** A pattern and a colour that follow from a member's key. */
export const PeerMark = memo(function PeerMark({ id }: { readonly id: PeerId }) {
  const hue = Math.round(((byteOf(id, 0) * 256 + byteOf(id, 1)) / 65536) * 360);
  return (
    <svg
      className="mm-peer-mark"
      viewBox="-1 -1 7 7"
      aria-hidden
      style={{ color: `hsl(${hue} 45% 48%)` }}
    >
      <rect x="-1" y="-1" width="7" height="7" rx="1.6" fill="currentColor" opacity=".18" />
      <path d={cellsOf(id)} fill="currentColor" />
    </svg>
  );
});

interface Props {
  readonly id: PeerId;
  readonly you?: boolean;
}

/** A member: its mark, and its key's first 8 digits. */
export const PeerName = memo(function PeerName({ id, you = false }: Props) {
  return (
    <span className="mm-peer" title={id}>
      <PeerMark id={id} />
      <span className="mm-mono">{shortId(id)}</span>
      {you && <span className="mm-you">you</span>}
    </span>
  );
});
