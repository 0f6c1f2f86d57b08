import { createHmac } from 'node:crypto';
import type { PeerId } from '../src/lib/index.ts';
import type { Config } from './config.ts';

/** What a tab is told of a STUN or TURN server. */
export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

/** s; tabs come back for new ones after half of it. */
export const credentialSeconds = 12 * 60 * 60;

/**
 * The STUN and TURN servers that a member may use. Where a TURN server's secret is known, with
 * credentials that expire: user `expiry:member`, password base64(HMAC-SHA1(secret, user)), as
 * draft-uberti-behave-turn-rest-00 has it and coturn takes with `use-auth-secret`.
 *
 * @param now s since 1970
 */
export function iceServersFor(
  servers: Config['iceServers'],
  peer: PeerId,
  now: number,
): readonly IceServer[] {
  return servers.map(({ secret, ...server }) => {
    if (secret === undefined) return server;
    const username = `${now + credentialSeconds}:${peer}`;
    const credential = createHmac('sha1', secret).update(username).digest('base64');
    return { ...server, username, credential };
  });
}
