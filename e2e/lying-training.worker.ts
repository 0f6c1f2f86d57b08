import { expose } from 'comlink';
import { TrainingService } from '../src/adapters/training-service.ts';
import { decodeCanonical, encodeCanonical, identityOf, sha256, sign } from '../src/crypto/index.ts';
import { at } from '../src/lib/index.ts';

/** What a lying tab does; the text is what its worker is started with in place of this. */
declare const __LIE__: 'gamma' | 'header' | 'sum';

/** A training worker that lies about what it made, and signs its lies. For tests. */
class LyingTrainingService extends TrainingService {
  /** Commits to one γ and serves another; or lets the header say so, whose opening then fails. */
  protected override async sealUpdate(...order: Parameters<TrainingService['seal']>) {
    const sealed = await super.sealUpdate(...order);
    if (__LIE__ === 'sum') return sealed;
    const payload = at(sealed.payloads, 0);
    payload[31] = at(payload, 31) ^ 1;
    if (__LIE__ === 'gamma') return sealed;
    const decoded = decodeCanonical(sealed.signed.header);
    if (!decoded.ok) throw new Error(decoded.error);
    const header = decoded.value as { columns: { digest: Uint8Array }[] };
    at(header.columns, 0).digest = sha256(payload);
    const bytes = encodeCanonical(header);
    const signature = sign('header', bytes, identityOf(order[0].secret));
    return { ...sealed, signed: { header: bytes, signature, admission: null } };
  }

  /** Opens another sum than the one that everybody computed: its own update counts more. */
  protected override addUp(
    model: Float32Array,
    updates: readonly Uint8Array[],
    weights: readonly number[],
    scales: readonly number[],
  ): Uint8Array {
    const digest = super.addUp(model, updates, weights, scales);
    if (__LIE__ !== 'sum') return digest;
    const [first = 0, second = 0, ...rest] = weights;
    super.addUp(model, updates, [first + 1, second - 1, ...rest], scales);
    return digest;
  }
}

expose(new LyingTrainingService());
