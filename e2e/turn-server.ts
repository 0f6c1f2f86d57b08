import { createHmac } from 'node:crypto';
import TurnServer from 'node-turn';

/**
 * A TURN server of another maker, which takes what the secret signed and has not expired. It is a
 * process of its own: node-turn leaves its relays open when it is stopped, and throws when
 * something arrives there.
 */
const [port, secret = ''] = process.argv.slice(2);
const localhost = '127.0.0.1';
const passwordOf = (username: string) => {
  const isInTime = Number(username.split(':')[0]) > Date.now() / 1000;
  return isInTime ? createHmac('sha1', secret).update(username).digest('base64') : undefined;
};
const server = new TurnServer({
  listeningPort: Number(port),
  listeningIps: [localhost],
  relayIps: [localhost],
  authMech: 'long-term',
  credentials: new Proxy({}, { get: (_, username) => passwordOf(String(username)) }),
  debugLevel: 'OFF',
});
server.start();
process.on('disconnect', () => process.exit());
process.send?.('started');
