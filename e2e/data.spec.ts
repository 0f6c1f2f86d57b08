import { gzipSync } from 'node:zlib';
import { writeIdx } from '../src/learning/index.ts';
import { expect, test } from './swarm.ts';

const file = (name: string, bytes: Uint8Array | string) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(bytes),
});

/** `count` grey images of side × side pixels, and labels 0, 1, 2, … */
function images(count: number, side: number) {
  const pixels = Uint8Array.from({ length: count * side * side }, (_, i) => (i * 37) % 256);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  return {
    images: writeIdx([count, side, side], pixels),
    labels: writeIdx([count], labels),
  };
}

const column = (name: string) => ({ kind: 'numeric' as const, name, mean: 1, deviation: 2 });
const table = {
  kind: 'table' as const,
  columns: [column('length'), { kind: 'categorical' as const, name: 'sex', values: ['F', 'M'] }],
  target: { kind: 'categorical' as const, name: 'kind', values: ['a', 'b'] },
};

test('own images, one file gzipped, replace the built-in digits', async ({
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate();
  const tab = await openTab(url);
  const own = images(50, 28);
  await tab
    .getByTestId('file-input')
    .setInputFiles([file('labels', own.labels), file('images.gz', gzipSync(own.images))]);
  await expect(tab.getByTestId('data-state')).toContainText('images.gz');
  await expect(tab.getByTestId('data-state')).toContainText('45 to train on, 5 to validate');
});

test('images of another size are refused: what was expected, what was found', async ({
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate();
  const tab = await openTab(url);
  const other = images(4, 32);
  await tab
    .getByTestId('file-input')
    .setInputFiles([file('i', other.images), file('l', other.labels)]);
  await expect(tab.getByTestId('data-problem')).toContainText('28×28');
  await expect(tab.getByTestId('data-problem')).toContainText('32×32');
  await tab
    .getByTestId('file-input')
    .setInputFiles([file('broken.gz', Uint8Array.of(0x1f, 0x8b, 1))]);
  await expect(tab.getByTestId('data-problem')).toContainText('archive is damaged');
});

test('a table trains over CSV files, and one that does not fit is refused', async ({
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ data: table, model: { kind: 'mlp', hidden: [] } });
  const rows = Array.from({ length: 40 }, (_, i) => `${i % 2 ? 'F' : 'M'},${i % 5},${i % 2 ? 'a' : 'b'}`); // prettier-ignore
  const csv = file('own.csv', ['sex,length,kind', ...rows].join('\n'));
  const [one, other] = [await openTab(url), await openTab(url)];
  await one.getByTestId('file-input').setInputFiles([file('bad.csv', 'sex,kind\nF,a')]);
  await expect(one.getByTestId('data-problem')).toContainText('length');
  await one.getByTestId('file-input').setInputFiles([file('bad.csv', 'sex,length,kind\nF,long,a')]);
  await expect(one.getByTestId('data-problem')).toContainText('long');
  for (const tab of [one, other]) await tab.getByTestId('file-input').setInputFiles([csv]);
  for (const tab of [one, other]) await expect(tab.getByTestId('finished')).toBeVisible();
  expect(room.snapshot().history).toHaveLength(2);
});

/** A number's eight bytes, in either order. */
function doublesOf(value: number): Buffer[] {
  const [little, big] = [Buffer.alloc(8), Buffer.alloc(8)];
  little.writeDoubleLE(value);
  big.writeDoubleBE(value);
  return [little, big];
}

test('nothing of the data leaves the tab', async ({ coordinate, openTab }) => {
  const { url } = await coordinate({ minimum: 1, rounds: 1, data: table, model: { kind: 'mlp', hidden: [] } }); // prettier-ignore
  const tab = await openTab(url);
  const sent: Buffer[] = [];
  tab.on('request', (request) => {
    const body = request.postDataBuffer();
    if (body) sent.push(body);
  });
  tab.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => sent.push(Buffer.from(payload))),
  );
  await tab.reload();
  const values = Array.from({ length: 30 }, (_, i) => 777_000.125 + i);
  const marked = values.map((value, i) => `F,${value},${i % 2 ? 'a' : 'b'}`);
  const csv = file('secret-name.csv', ['sex,length,kind', ...marked].join('\n'));
  await tab.getByTestId('file-input').setInputFiles([csv]);
  await expect(tab.getByTestId('finished')).toBeVisible();
  const all = Buffer.concat(sent);
  expect(all.length).toBeGreaterThan(200); // hello, ready, trained, header, …
  // As text, and as the numbers that it is read as.
  for (const value of values) {
    for (const bytes of [String(value), ...doublesOf(value)])
      expect(all.includes(bytes)).toBe(false);
  }
  expect(all.includes('secret-name')).toBe(false);
});
