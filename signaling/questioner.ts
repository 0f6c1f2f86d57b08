import { err, ok, type HeaderId, type PeerId, type Result } from '../src/lib/index.ts';
import { limits, type Answer, type Question, type ServerMessage } from '../src/protocol/index.ts';

type Ask = Extract<ServerMessage, { type: 'ask' }>;

/** Asks members for proofs of what they hold, and knows which answer is to what. */
export class Questioner {
  readonly #open = new Map<
    number,
    { readonly peer: PeerId; readonly settle: (answer: Result<Answer>) => void }
  >();
  #next = 0;

  /** @param send gives the question to the member */
  ask(
    peer: PeerId,
    header: HeaderId,
    question: Question,
    send: (message: Ask) => void,
  ): Promise<Result<Answer>> {
    if (this.#open.size >= limits.openQuestions) {
      return Promise.resolve(err('too many questions are open: wait for their answers'));
    }
    const id = this.#next++ >>> 0;
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(err('no answer came')), limits.answerMs);
      const settle = (answer: Result<Answer>) => {
        clearTimeout(timer);
        this.#open.delete(id);
        resolve(answer);
      };
      this.#open.set(id, { peer, settle });
      send({ type: 'ask', id, header, question });
    });
  }

  answered(peer: PeerId, id: number, answer: Answer): void {
    const asked = this.#open.get(id);
    if (asked?.peer === peer) asked.settle(ok(answer));
  }

  left(peer: PeerId): void {
    for (const asked of this.#open.values()) {
      if (asked.peer === peer) asked.settle(err('the member left'));
    }
  }
}
