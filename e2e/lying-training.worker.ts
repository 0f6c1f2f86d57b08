import { expose } from 'comlink';
import { TrainingService } from '../src/adapters/training-service.ts';
import { decodeCanonical, encodeCanonical, identityOf, sha256, sign } from '../src/crypto/index.ts';
import { at } from '../src/lib/index.ts';

type Sealed = Awaited<ReturnType<TrainingService['seal']>>;

/** What a lying tab does; the text is what its worker is started with in place of this. */
declare const __LIE__: 'gamma' | 'header' | 'sum';

/** Changes one byte of a chunk: of γ, or of the first lane behind it. */
function flip({ payloads }: Sealed, place: number): void {
  const payload = at(payloads, 0);
  payload[place] = at(payload, place) ^ 1;
}

/** A training worker that lies about what it made, and signs its lies. For tests. */
class LyingTrainingService extends TrainingService {
  /** Commits to one γ and serves another; or lets the header say so, whose opening then fails. */
  override async seal(...order: Parameters<TrainingService['seal']>): Promise<Sealed> {
    const sealed = await super.seal(...order);
    if (__LIE__ === 'sum') return sealed;
    flip(sealed, 31);
    if (__LIE__ === 'gamma') return sealed;
    const decoded = decodeCanonical(sealed.signed.header);
    if (!decoded.ok) throw new Error(decoded.error);
    const header = decoded.value as { columns: { digest: Uint8Array }[] };
    at(header.columns, 0).digest = sha256(at(sealed.payloads, 0));
    const bytes = encodeCanonical(header);
    const signature = sign('header', bytes, identityOf(order[0].secret));
    return { ...sealed, signed: { header: bytes, signature, admission: null } };
  }

  /** Opens another sum than the one that everybody computed: its own update counts more. */
  override aggregate(...parts: Parameters<TrainingService['aggregate']>): Uint8Array {
    const digest = super.aggregate(...parts);
    if (__LIE__ !== 'sum') return digest;
    const [model, updates, weights, scales] = parts;
    const [first = 0, second = 0, ...rest] = weights;
    super.aggregate(model, updates, [first + 1, second - 1, ...rest], scales);
    return digest;
  }
}

expose(new LyingTrainingService());
