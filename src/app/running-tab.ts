import { Alarm, linkPort, now, PeerLinks, systemRandom, type Route } from '../adapters/index.ts';
import type { HeaderId, PeerId } from '../lib/index.ts';
import type { Answer, Question, Signed } from '../protocol/index.ts';
import { memberCredentials } from '../swarm/index.ts';
import { Tab, TabDriver, type LinkPort, type Ports, type TabEvent, type TabOptions } from '../tab/index.ts'; // prettier-ignore

export interface RunningTabOptions extends Omit<
  TabOptions,
  'credentials' | 'client' | 'random' | 'now'
> {
  /** The Data Owner's word that this tab is a member. */
  readonly membership: Signed;
  readonly iceServers: RTCIceServer[];
  /** Sends a signaling message through the coordinator. */
  readonly signal: (to: PeerId, session: number, data: string) => void;
  /** All but the links, which are this tab's own. */
  readonly ports: Omit<Ports, keyof LinkPort | 'asked'>;
}

/** A tab at work in this page: on WebRTC, workers and the page's clock. */
export class RunningTab {
  readonly #tab: Tab;
  readonly #driver: TabDriver;
  readonly #links: PeerLinks;
  readonly #alarm = new Alarm(() => this.handle({ type: 'tick' }));
  /** Our questions under way. */
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #nextQuestion = 0;
  /** By which way each connection goes, where that is known. */
  readonly #routes = new Map<PeerId, Route>();

  constructor({ iceServers, signal, ports, membership, ...options }: RunningTabOptions) {
    const { identity, task, description } = options;
    const { ownerKey } = description;
    const credentials = memberCredentials({ task, ownerKey, identity, membership });
    const client = `murmuration/${__VERSION__}`;
    this.#tab = new Tab({ ...options, credentials, client, random: systemRandom(), now: now() });
    this.#links = new PeerLinks(options.identity.id, iceServers, {
      signal,
      connected: (peer, ends) => this.handle({ type: 'connected', peer, ends }),
      disconnected: (peer) => {
        this.#routes.delete(peer);
        this.handle({ type: 'disconnected', peer });
      },
      messages: (peer, messages) =>
        this.handle(...messages.map((message) => ({ type: 'message' as const, peer, message }))),
      routed: (peer, route) => void this.#routes.set(peer, route),
      malformed: (peer, reason) => this.handle({ type: 'malformed', peer, reason }),
      buffered: (peer, bytes, window) => this.handle({ type: 'buffered', peer, bytes, window }),
    });
    const all: Ports = {
      ...ports,
      ...linkPort(this.#links),
      asked: ({ id, answer }) => {
        this.#questions.get(id)?.(answer);
        this.#questions.delete(id);
      },
    };
    this.#driver = new TabDriver(this.#tab, all, { now, wakeAt: (time) => this.#alarm.set(time) });
  }

  handle(...events: readonly TabEvent[]): void {
    this.#driver.handle(...events);
  }

  /** Asks a neighbour to prove something of a batch; its answer is yet to be judged. */
  ask(peer: PeerId, header: HeaderId, question: Question): Promise<Answer> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.handle({ type: 'ask', id, peer, header, question });
    });
  }

  /** What may help to connect; credentials for it expire. */
  setIceServers(servers: RTCIceServer[]): void {
    this.#links.setIceServers(servers);
  }

  snapshot() {
    return { ...this.#tab.snapshot(), routes: this.#routes };
  }

  /** @param reason that neighbours are told */
  close(reason: string): void {
    this.handle({ type: 'leave', reason });
    this.#alarm.set(null);
    this.#links.closeAll();
  }
}
