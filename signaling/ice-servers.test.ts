import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { expect, test } from 'vitest';
import { utf8ToBytes, type PeerId } from '../src/lib/index.ts';
import { credentialSeconds, iceServersFor } from './ice-servers.ts';

const peer = 'ab'.repeat(32) as PeerId;
const now = 1_760_000_000;

test('a server whose secret is known gets credentials of the member’s own, which expire', () => {
  const secret = 'north';
  const [made] = iceServersFor([{ urls: 'turn:turn.example.org', secret }], peer, now);
  const username = `${now + credentialSeconds}:${peer}`;
  const mac = hmac(sha1, utf8ToBytes(secret), utf8ToBytes(username));
  const credential = Buffer.from(mac).toString('base64');
  expect(made).toEqual({ urls: 'turn:turn.example.org', username, credential });
});

test('others are told as they are, and no secret is', () => {
  const servers = [
    { urls: 'stun:stun.example.org' },
    { urls: 'turn:a.example.org', username: 'u', credential: 'c' },
    { urls: 'turn:b.example.org', secret: 'do not tell' },
  ];
  const told = iceServersFor(servers, peer, now);
  expect(told.slice(0, 2)).toEqual(servers.slice(0, 2));
  expect(JSON.stringify(told)).not.toContain('do not tell');
});
