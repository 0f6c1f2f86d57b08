import { assert, concatBytes, err, ok, type Result } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';

/** The IDX format of the MNIST files (LeCun): an array of bytes with its shape. */
export interface IdxArray {
  readonly type: 'uint8';
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const unsignedByte = 0x08;

/** Reads an unpacked IDX file; the error says what was expected and what was found. */
export function parseIdx(bytes: Uint8Array): Result<IdxArray> {
  const [zero, alsoZero, type = 0, dimensions = 0] = bytes;
  if (bytes.length < 4 || zero !== 0 || alsoZero !== 0) {
    const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0'));
    return err(
      `not an IDX file: it starts with ${start.join(' ') || 'nothing'}, not with 00 00 08`,
    );
  }
  if (type !== unsignedByte) {
    return err(`IDX with elements of type 0x${type.toString(16)}; only bytes (0x8) are read`);
  }
  if (dimensions < 1 || dimensions > 4) return err(`IDX with ${dimensions} dimensions, 1 to 4 are read`); // prettier-ignore
  const start = 4 + 4 * dimensions;
  if (bytes.length < start) return err(`IDX file of ${bytes.length} bytes ends within its header of ${start}`); // prettier-ignore
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const [rows = 0] = shape;
  if (rows > limits.rows) return err(`IDX with ${rows} rows; a tab takes ${limits.rows} at the most`); // prettier-ignore
  const expected = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== expected) {
    return err(
      `IDX of shape ${shape.join('×')} needs ${expected} bytes of data, ` +
        `the file has ${bytes.length - start}`,
    );
  }
  return ok({ type: 'uint8', shape, data: bytes.subarray(start) });
}

/** Writes an IDX file of bytes; `data` has as many as `shape` says. */
export function writeIdx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const size = shape.reduce((product, each) => product * each, 1);
  assert(size === data.length, `shape ${shape.join('×')} of ${data.length} bytes`);
  const header = new Uint8Array(4 + 4 * shape.length);
  header.set([0, 0, unsignedByte, shape.length]);
  const view = new DataView(header.buffer);
  shape.forEach((size, i) => view.setUint32(4 + 4 * i, size));
  return concatBytes(header, data);
}
