import { at, seededRandom, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { Verifier, type SignedHeader, type VerifiedHeader } from '../vds/index.ts';
import { crs, nameOf } from './sealing.ts';

/** What verifiers that know of no revocation found of a header, by its bytes and all it depends on. */
const found = new Map<string, Result<VerifiedHeader>>();

/**
 * A tab's verifier, with a state of its own. Whether signatures and opening of the same bytes hold
 * is found out once in a process: of twenty tabs that would be twenty pairings and the same answer.
 */
export class SimulatedVerifier extends Verifier {
  readonly #name: string;
  readonly #stateless: Verifier;

  constructor(about: { readonly task: TaskId; readonly ownerKey: PeerId }) {
    const options = { ...about, crs, random: seededRandom(1), allowTestCrs: true };
    super(options);
    this.#name = `${about.task} ${about.ownerKey}`;
    this.#stateless = new Verifier(options);
  }

  override verifyHeaders(
    signed: readonly SignedHeader[],
    admission: 'admitted' | 'any',
  ): Result<VerifiedHeader>[] {
    const names = signed.map((each) => nameOf([this.#name, admission, each]));
    const unknown = signed.flatMap((each, k) => (found.has(at(names, k)) ? [] : [{ each, k }]));
    const headers = unknown.map(({ each }) => each);
    const verdicts = this.#stateless.verifyHeaders(headers, admission);
    unknown.forEach(({ k }, i) => found.set(at(names, k), at(verdicts, i)));
    return signed.map((each, k) => {
      const verdict = found.get(at(names, k));
      const revoked = verdict?.ok === true && this.isRevoked(verdict.value.id);
      return verdict && !revoked ? verdict : at(super.verifyHeaders([each], admission), 0);
    });
  }
}
