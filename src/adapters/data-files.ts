import { limits } from '../protocol/index.ts';

const gzipMagic = [0x1f, 0x8b];

/**
 * The contents of a file, unpacked if it is gzipped, whatever its name.
 *
 * @throws if it is larger than a tab can take, cannot be read, or is a broken archive.
 */
export async function readDataFile(file: Blob): Promise<Uint8Array> {
  const tooLarge = `larger than ${limits.fileBytes / 2 ** 20} MiB, the most that a tab takes`;
  if (file.size > limits.fileBytes) throw new Error(tooLarge);
  const start = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (!gzipMagic.every((byte, i) => start[i] === byte)) {
    return new Uint8Array(await file.arrayBuffer());
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = file.stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Error('the gzip archive is damaged');
    });
    if (done) break;
    length += value.length;
    if (length > limits.fileBytes) throw new Error(tooLarge);
    parts.push(value);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
