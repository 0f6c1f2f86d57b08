import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { OwnNames } from './own-names.ts';

const names = new OwnNames(['Swarm.example.org']);

test.each([
  ['localhost:4242', 'http://localhost:4242'],
  ['localhost:4242', undefined],
  ['127.0.0.1:4242', 'http://127.0.0.1:4242'],
  ['[::1]:4242', 'http://[::1]:4242'],
  ['192.168.1.17:4242', 'http://192.168.1.17:4242'],
  ['swarm.example.org', 'https://swarm.example.org'],
  ['swarm.example.org', 'http://swarm.example.org'],
  [`${hostname()}:4242`, undefined],
])('a request to %s by a page of %s is for this server', (host, origin) => {
  expect(names.problem({ host, origin })).toBe(null);
});

test.each([
  ['evil.example:4242', 'http://evil.example:4242', 'MURMURATION_NAMES=evil.example'], // rebinding
  ['evil.example:4242', undefined, 'does not answer to the name'],
  ['localhost.evil.example', undefined, 'does not answer to the name'],
  ['127.0.0.1.evil.example', undefined, 'does not answer to the name'],
  [undefined, undefined, 'does not answer to the name'],
  ['', undefined, 'does not answer to the name'],
  ['a b', undefined, 'does not answer to the name'],
  ['localhost:4242', 'https://evil.example', 'a page of https://evil.example'],
  ['localhost:4242', 'http://localhost:5000', 'a page of http://localhost:5000'],
  ['localhost:4242', 'http://127.0.0.1:4242', 'a page of'],
  ['localhost:4242', 'null', 'a page of null'],
  ['localhost:4242', '', 'a page of'],
])('one to %s by a page of %s is not, and why', (host, origin, reason) => {
  expect(names.problem({ host, origin })).toContain(reason);
});
