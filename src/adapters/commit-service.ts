import { toAffinePoints, type AffinePoints } from '../crypto/index.ts';
import { CommitmentKey, Crs, type CommitChunks } from '../vds/index.ts';

/** One of the workers that a {@link CommitPool} shares chunks out to. */
export class CommitService {
  #key: CommitmentKey | null = null;

  /** @param file of a CRS that was verified before */
  async open(file: Uint8Array<ArrayBuffer>, digest: Uint8Array): Promise<void> {
    const crs = Crs.open(file, digest);
    if (!crs.ok) throw new Error(crs.error);
    this.#key = await CommitmentKey.build(crs.value);
  }

  /** The commitment of a payload, as the coordinates of one point. */
  commit(payload: Uint8Array, format: Parameters<CommitChunks>[1]): AffinePoints {
    if (this.#key === null) throw new Error('bug: the commit service is not open');
    return toAffinePoints([this.#key.commit(payload, format)]);
  }
}
