import { cp, rm } from 'node:fs/promises';
import { headerId } from '../src/vds/index.ts';
import { expect, test } from './swarm.ts';

test('a coordinator that was restored from a backup learns from a tab what was revoked since', async ({
  coordinate,
  openTab,
}) => {
  const coordinator = await coordinate({ minimum: 2 });
  const { url, room, dataFolder } = coordinator;
  const made = await room.desk.createFile(new Uint8Array(1000));
  if (!made.ok) throw new Error(made.error);
  await coordinator.stop();
  await cp(dataFolder, `${dataFolder}-backup`, { recursive: true });
  let running = await coordinator.startAgain();
  const restore = async () => {
    await running.close();
    await rm(dataFolder, { recursive: true });
    await cp(`${dataFolder}-backup`, dataFolder, { recursive: true });
    running = await coordinator.startAgain();
  };

  const tab = await openTab(url);
  await expect(tab.getByTestId('self-id')).toBeVisible();
  await expect(tab.getByText('CRS loaded')).toBeVisible();
  await running.room.revoke(headerId(made.value.header));
  await expect(tab.getByTestId('revoked')).toHaveText('1 batch');

  // The tab is there and comes back by itself.
  await restore();
  await expect(tab.getByText('it was shown the newest state')).toBeVisible();
  await expect.poll(() => running.room.epoch).toBe(1);

  // The tab is opened anew, with nothing but what it keeps: its first hello names no task yet.
  await tab.goto('about:blank');
  await restore();
  expect(running.room.epoch).toBe(0);
  await tab.goto(url);
  await expect(tab.getByTestId('revoked')).toHaveText('1 batch');
  await expect(tab.getByText('welcome was refused: state: epoch 0 is older than epoch 1')).toBeVisible(); // prettier-ignore
  expect(running.room.epoch).toBe(1);
  await running.close();
  await rm(`${dataFolder}-backup`, { recursive: true });
});
