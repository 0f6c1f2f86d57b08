import { err, ok, type PeerId, type Result } from '../lib/index.ts';
import { limits, type Answer, type PeerMessage } from '../protocol/index.ts';
import type { SwarmEvent } from './events.ts';
import type { Outbox } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { Heard } from './session.ts';

/** A question of ours that is under way. */
interface Asked {
  readonly peer: PeerId;
  /** ms; Infinity once it was given up on: an answer that comes late is nobody's fault. */
  readonly deadline: number;
}

/**
 * Queries and audits between peers (VDS.md): how many a peer may ask is bounded, because an answer
 * costs some 50 ms; every question gets one answer or refusal, ours at the latest by time-out.
 */
export class Questions {
  readonly #outbox: Outbox;
  readonly #asked = new Map<number, Asked>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Asks a peer, or says at once why not. */
  ask(event: Extract<SwarmEvent, { type: 'ask' }>, peer: Peer | undefined, now: number): void {
    const { id, header, question } = event;
    const batch = peer?.ready === true ? peer.session.theirNumber(header) : undefined;
    if (peer === undefined || batch === undefined) {
      const reason = peer ? 'the peer does not have the batch' : 'the peer is not connected';
      this.#outbox.put({ type: 'asked', id, answer: { kind: 'refused', reason } });
      return;
    }
    this.#asked.set(id, { peer: event.peer, deadline: now + limits.answerMs });
    this.#outbox.send(peer, { type: 'ask', id, batch, question });
  }

  /** Takes a question of a peer's: to be answered, or refused for asking too much. */
  asked(peer: Peer, { header, asked }: Extract<Heard, { type: 'ask' }>, now: number): void {
    const { id, question } = asked;
    peer.questionTimes = peer.questionTimes.filter((time) => time > now - 10_000);
    const refuse = (reason: string) => {
      const answer: Answer = { kind: 'refused', reason };
      this.#outbox.send(peer, { type: 'answer', id, answer });
    };
    if (header === null) {
      refuse('the batch is not here');
    } else if (
      peer.openQuestions >= limits.questions ||
      peer.questionTimes.length >= limits.questionsPerTenSeconds
    ) {
      refuse('too many questions: ask again later');
    } else {
      peer.questionTimes.push(now);
      peer.openQuestions++;
      this.#outbox.put({ type: 'answer', peer: peer.id, id, header, question });
    }
  }

  /** Sends what was found out for a peer. */
  answered(peer: Peer, { id, answer }: Extract<SwarmEvent, { type: 'answered' }>): void {
    peer.openQuestions = Math.max(0, peer.openQuestions - 1);
    this.#outbox.send(peer, { type: 'answer', id, answer });
  }

  /** Takes an answer to a question of ours; the error says that it was not asked of this peer. */
  take(peer: PeerId, { id, answer }: Extract<PeerMessage, { type: 'answer' }>): Result<null> {
    const asked = this.#asked.get(id);
    if (asked?.peer !== peer) return err('answer that was not asked for');
    this.#asked.delete(id);
    if (asked.deadline !== Infinity) this.#outbox.put({ type: 'asked', id, answer });
    return ok(null);
  }

  /** Gives up on what was asked of a peer that is gone, and on what takes too long. */
  expire(now: number, isHere: (peer: PeerId) => boolean): void {
    for (const [id, { peer, deadline }] of this.#asked) {
      const here = isHere(peer);
      if (here && now < deadline) continue;
      if (here) this.#asked.set(id, { peer, deadline: Infinity });
      else this.#asked.delete(id);
      if (deadline === Infinity) continue;
      const reason = here ? 'no answer came in time' : 'the peer is gone';
      this.#outbox.put({ type: 'asked', id, answer: { kind: 'refused', reason } });
    }
  }

  /** When the first of our questions times out. ms */
  get nextWake(): number {
    let next = Infinity;
    for (const { deadline } of this.#asked.values()) next = Math.min(next, deadline);
    return next;
  }
}
