import { err, ok, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { verifyManifest, type Manifest, type ServerMessage } from '../protocol/index.ts';
import { verifyHeader, type SignedHeader, type VerifiedHeader } from '../vds/index.ts';

type Replace<M, R> = Omit<M, keyof R> & Readonly<R>;
type Of<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

/** A server message about rounds, its signed parts decoded and verified. */
export type VerifiedMessage =
  | Replace<Of<'welcome'>, { model: VerifiedHeader }>
  | Replace<Of<'open'>, { model: VerifiedHeader }>
  | Replace<Of<'manifest'>, { manifest: Manifest; headers: readonly VerifiedHeader[] }>
  | Replace<Of<'closed'>, { model: VerifiedHeader }>
  | Of<'quantise' | 'upload' | 'failed' | 'metrics' | 'finished' | 'members'>;

/** The messages that {@link verifyServerMessage} takes. */
export type RoundServerMessage = Of<VerifiedMessage['type']>;

/** Milliseconds of signature checks for a large manifest: call it in a worker. */
export function verifyServerMessage(
  message: RoundServerMessage,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<VerifiedMessage> {
  switch (message.type) {
    case 'welcome':
    case 'open':
    case 'closed': {
      const model = verifyModel(message.model, expected);
      return model.ok ? ok({ ...message, model: model.value }) : model;
    }
    case 'manifest':
      return verifyWholeManifest(message, expected);
    default:
      return ok(message);
  }
}

function verifyModel(
  signed: SignedHeader,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<VerifiedHeader> {
  const verified = verifyHeader(signed, { ...expected, admitted: true });
  if (verified.ok && verified.value.kind !== 'model') return err('header is not of a model');
  return verified;
}

/** The manifest, and exactly the headers that it names, each by the author it names. */
function verifyWholeManifest(
  message: Of<'manifest'>,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<VerifiedMessage> {
  const manifest = verifyManifest(message.manifest, expected);
  if (!manifest.ok) return manifest;
  const headers: VerifiedHeader[] = [];
  for (const signed of message.headers) {
    const verified = verifyHeader(signed, { ...expected, admitted: true });
    if (!verified.ok) return verified;
    headers.push(verified.value);
  }
  for (const entry of manifest.value.entries) {
    const header = headers.find((each) => each.id === entry.header);
    if (header === undefined) return err('manifest: a header that it names is missing');
    if (header.author !== entry.author) return err('manifest: a header is by another author');
    if (header.kind !== 'update' || header.round !== manifest.value.round) {
      return err('manifest: a header is not an update of this round');
    }
  }
  if (headers.length !== manifest.value.entries.length) {
    return err('manifest: headers that it does not name');
  }
  return ok({ type: 'manifest', manifest: manifest.value, headers });
}
