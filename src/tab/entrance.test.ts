import { describe, expect, test } from 'vitest';
import type { TaskId } from '../lib/index.ts';
import { protocolVersion, taskIdOf, type ServerMessage, type TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import { Entrance } from './entrance.ts';

const description = { name: 'a task' } as TaskDescription;
const task = taskIdOf(description);
const nonce = new Uint8Array(16);

function welcome(iceServers: readonly object[] = [], about = description): ServerMessage {
  return { type: 'welcome', description: about, iceServers } as unknown as ServerMessage;
}

describe('a challenge', () => {
  test('is answered for the task of the link, or for the default one', () => {
    const challenge: ServerMessage = { type: 'challenge', nonce, version: protocolVersion };
    expect(new Entrance(null).handle(challenge)).toEqual([{ type: 'hello', nonce, task: null }]);
    const wanted = 'ab'.repeat(16) as TaskId;
    expect(new Entrance(wanted).handle(challenge)).toMatchObject([{ task: wanted }]);
  });

  test('of another version stops the page, and says which is which', () => {
    const challenge: ServerMessage = { type: 'challenge', nonce, version: protocolVersion + 1 };
    const [effect] = new Entrance(null).handle(challenge);
    expect(effect).toMatchObject({ type: 'stop' });
    expect(effect).toHaveProperty('reason', expect.stringMatching(`coordinator of ${protocolVersion + 1}: reload`)); // prettier-ignore
  });
});

describe('a welcome', () => {
  test('is joined once, and later ones come after reconnections', () => {
    const entrance = new Entrance(null);
    const first = entrance.handle(welcome());
    expect(first).toMatchObject([{ type: 'join', task }, { type: 'renew', afterMs: null }, { type: 'pass' }]); // prettier-ignore
    expect(entrance.handle(welcome())).toMatchObject([
      { type: 'rejoin', task },
      {},
      { type: 'pass' },
    ]);
    // A coordinator that restarts is asked for the same task.
    expect(entrance.handle({ type: 'challenge', nonce, version: protocolVersion })).toMatchObject([{ task }]); // prettier-ignore
    expect(entrance.handle({ type: 'show-state' })).toEqual([{ type: 'show-state', task }]);
  });

  test('to another task than the link names, or than before, stops the page', () => {
    const another = welcome([], { name: 'another' } as TaskDescription);
    expect(new Entrance(task).handle(another)).toMatchObject([{ type: 'stop' }]);
    const entrance = new Entrance(null);
    entrance.handle(welcome());
    expect(entrance.handle(another)).toMatchObject([{ type: 'stop' }]);
  });

  test('with credentials that expire is asked for again before they do', () => {
    const turn = { urls: 'turn:example.org', username: 'a', credential: 'b' };
    const effects = new Entrance(null).handle(welcome([{ urls: 'stun:example.org' }, turn]));
    const renewal = effects.find(({ type }) => type === 'renew');
    expect(renewal).toEqual({ type: 'renew', afterMs: 6 * 3_600_000 });
  });
});

test('who is refused for good stops, who may come again does', () => {
  const entrance = new Entrance(null);
  const refused = (again: boolean) => entrance.handle({ type: 'refused', reason: 'full', again });
  expect(refused(false)).toEqual([{ type: 'stop', reason: 'The coordinator refused: full.' }]);
  expect(refused(true)).toEqual([{ type: 'turned-away', reason: 'full' }]);
});

test('anything else is the tab’s to hear', () => {
  const message: ServerMessage = { type: 'finished' };
  expect(new Entrance(null).handle(message)).toEqual([{ type: 'pass', message }]);
});
