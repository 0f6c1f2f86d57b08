import { proxy } from 'comlink';
import { startStorage, storagePort } from '../../src/adapters/index.ts';
import { RunningTab } from '../../src/app/index.ts';
import { identityOf, sha256 } from '../../src/crypto/index.ts';
import { seededRandom, utf8ToBytes, type PeerId, type TaskId } from '../../src/lib/index.ts';
import { signMembership, type TaskDescription } from '../../src/protocol/index.ts';
import { admitHeader, CommitmentKey, Crs, cutPayloads, noOpening, sealPayloads, signHeader, Verifier } from '../../src/vds/index.ts'; // prettier-ignore

declare function relay(message: unknown): Promise<void>;

const owner = identityOf(sha256(utf8ToBytes('bench owner')));
const task = 'be'.repeat(16) as TaskId;

type Relayed =
  | { readonly kind: 'bare'; readonly data: string }
  | {
      readonly kind: 'swarm';
      readonly from: string;
      readonly session: number;
      readonly data: string;
    };

let onBare: (data: string) => void = () => undefined;
let onSwarm: (message: Extract<Relayed, { kind: 'swarm' }>) => void = () => undefined;
let running: RunningTab | null = null;
let runs = 0;

/** Both pages make the same batch of the same random bytes; only the seed stores its chunks. */
async function makeBatch(bytes: number) {
  const random = seededRandom(1);
  const file = new Uint8Array(await (await fetch(`/api/tasks/${task}/crs`)).arrayBuffer());
  const crs = Crs.open(file, sha256(file));
  if (!crs.ok) throw new Error(crs.error);
  const key = await CommitmentKey.build(crs.value);
  const lanes = new Uint8Array(bytes);
  new Uint32Array(lanes.buffer).forEach((_, i, words) => (words[i] = random.uint32()));
  const payloads = cutPayloads(lanes, crs.value.scalars, 'bytes', null);
  const about = { task, round: 1, kind: 'file', author: owner.id, opening: noOpening } as const;
  const { header } = await sealPayloads(key, about, payloads, null);
  const signed = admitHeader(signHeader(header, owner), owner);
  const verifier = new Verifier({ crs: crs.value, task, ownerKey: owner.id, random });
  const verified = verifier.verifyHeader(signed, 'admitted');
  if (!verified.ok) throw new Error(verified.error);
  return { header: verified.value, payloads, crs: crs.value.digest };
}

type Batch = Awaited<ReturnType<typeof makeBatch>>;
let made: Promise<Batch> | null = null;

async function startSwarm(
  name: string,
  other: string,
  batch: Batch,
  seeding: boolean,
  onStored: () => void,
) {
  const identity = identityOf(sha256(utf8ToBytes(name)));
  const { service: storage } = startStorage();
  const quiet = proxy(() => undefined);
  await storage.open(`bench-${name}`, quiet, quiet, quiet);
  const about = { task, ownerKey: owner.id, settings: batch.crs, crs: batch.crs };
  const joined = await storage.join(about);
  if (!joined.ok) throw new Error(joined.error);
  const nothing = () => undefined;
  const store = storagePort(storage, { self: identity.id, ownerKey: owner.id });
  const tab = new RunningTab({
    identity,
    task,
    description: { ownerKey: owner.id, exchange: { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: 4, scalars: 1024 } } as TaskDescription, // prettier-ignore
    membership: signMembership({ task, peer: identity.id, issuedAt: 0 }, owner),
    iceServers: [],
    signal: (_to, session, data) => void relay({ kind: 'swarm', from: identity.id, session, data }),
    ports: {
      ...store,
      store: (effect, answer) =>
        store.store(effect, (event) => {
          answer(event);
          if (event.type === 'stored') onStored();
        }),
      ...{ tell: nothing, reconnect: nothing, seed: nothing },
      ...{ train: nothing, 'cancel-training': nothing, seal: nothing, aggregate: nothing },
      ...{ 'prove-sum': nothing, feedback: nothing, install: nothing, evaluate: nothing },
      ...{ followed: nothing, 'not-followed': nothing, 'bad-chunk': nothing, computed: nothing },
      ...{ measured: nothing, timed: nothing, pause: nothing },
      log: ({ level, text }) => console.error(level, text),
    },
  });
  onSwarm = ({ from, session, data }) =>
    tab.handle({ type: 'heard', message: { type: 'signal', from: from as PeerId, session, data } });
  const { header } = batch;
  await storage.add(header, null);
  if (seeding) {
    await Promise.all(batch.payloads.map((payload, i) => storage.accept(header.id, i, new Uint8Array(payload)))); // prettier-ignore
  }
  tab.handle({ type: 'fetch', header, readers: null });
  running = tab;
  const { id } = identityOf(sha256(utf8ToBytes(other)));
  const member = { peer: id, online: true, ready: true, samples: 0 };
  return {
    join: () => tab.handle({ type: 'heard', message: { type: 'members', members: [member] } }),
  };
}

function connectBare(initiator: boolean): Promise<RTCDataChannel> {
  const peer = new RTCPeerConnection();
  const send = (message: unknown) => void relay({ kind: 'bare', data: JSON.stringify(message) });
  peer.onicecandidate = ({ candidate }) => {
    if (candidate) send({ candidate });
  };
  const queue: RTCIceCandidateInit[] = [];
  onBare = (data) => {
    void (async () => {
      const { candidate, description } = JSON.parse(data) as { candidate?: RTCIceCandidateInit; description?: RTCSessionDescriptionInit }; // prettier-ignore
      if (candidate) {
        if (peer.remoteDescription) await peer.addIceCandidate(candidate);
        else queue.push(candidate);
      }
      if (!description) return;
      await peer.setRemoteDescription(description);
      for (const each of queue.splice(0)) await peer.addIceCandidate(each);
      if (description.type !== 'offer') return;
      await peer.setLocalDescription();
      send({ description: peer.localDescription });
    })();
  };
  return new Promise((resolve) => {
    if (!initiator) {
      peer.ondatachannel = ({ channel }) => resolve(channel);
      return;
    }
    const channel = peer.createDataChannel('bare');
    channel.onopen = () => resolve(channel);
    void peer.setLocalDescription().then(() => send({ description: peer.localDescription }));
  });
}

/** Sends on request, as fast as the channel drains. */
function serveBare(channel: RTCDataChannel, bytes: number, messageBytes: number): void {
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = 262_144;
  channel.onmessage = () => {
    let left = bytes;
    const message = new Uint8Array(messageBytes);
    const pump = () => {
      while (left > 0 && channel.bufferedAmount < 1_048_576) {
        channel.send(message);
        left -= messageBytes;
      }
    };
    channel.onbufferedamountlow = pump;
    pump();
  };
}

async function fetchBare(bytes: number): Promise<number> {
  const channel = await connectBare(true);
  channel.binaryType = 'arraybuffer';
  let received = 0;
  const started = performance.now();
  await new Promise<void>((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      received += data.byteLength;
      if (received >= bytes) resolve();
    };
    channel.send(new Uint8Array(1));
  });
  channel.close();
  return performance.now() - started;
}

window.bench = {
  async prepare(bytes) {
    made = makeBatch(bytes);
    await made;
  },
  relayed(message) {
    const relayed = message as Relayed;
    if (relayed.kind === 'bare') onBare(relayed.data);
    else onSwarm(relayed);
  },
  async serve(kind, bytes, messageBytes) {
    running?.close('the next run');
    if (kind === 'bare') {
      void connectBare(false).then((channel) => serveBare(channel, bytes, messageBytes));
      return;
    }
    if (made === null) throw new Error('prepare first');
    const run = ++runs;
    const { join } = await startSwarm(`seed ${run}`, `leecher ${run}`, await made, true, () => undefined); // prettier-ignore
    join();
  },
  async fetch(kind, bytes) {
    running?.close('the next run');
    if (kind === 'bare') return fetchBare(bytes);
    if (made === null) throw new Error('prepare first');
    const run = ++runs;
    const batch = await made;
    let missing = batch.payloads.length;
    let firstAt = 0;
    let done: () => void = () => undefined;
    const complete = new Promise<void>((resolve) => (done = resolve));
    const { join } = await startSwarm(`leecher ${run}`, `seed ${run}`, batch, false, () => {
      if (missing === batch.payloads.length) firstAt = performance.now();
      if (--missing === 0) done();
    });
    join();
    await complete;
    return performance.now() - firstAt;
  },
};
