import { sign, verifySignature, type Identity, type Signed } from '../crypto/index.ts';
import { err, ok, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { handshakeBytes, verifyMembership } from '../protocol/index.ts';

/** Both ends of one channel: SHA-256 of the DTLS certificates, 32 bytes each. */
export interface ChannelEnds {
  readonly own: Uint8Array;
  readonly other: Uint8Array;
}

/** What a handshake says of who sends it. */
export interface Introduction {
  readonly membership: Signed;
  /** Over this very channel. */
  readonly signature: Uint8Array;
}

/** Who we are, and how others show who they are. */
export interface Credentials {
  readonly self: PeerId;
  introduce(to: PeerId, ends: ChannelEnds): Introduction;
  /** The error says what does not hold. */
  check(from: PeerId, ends: ChannelEnds, introduction: Introduction): Result<null>;
}

/** Memberships signed by the Data Owner, and a signature by each member for each of its channels. */
export function memberCredentials(about: {
  readonly task: TaskId;
  readonly ownerKey: PeerId;
  readonly identity: Identity;
  /** The Data Owner's word that we are a member. */
  readonly membership: Signed;
}): Credentials {
  const { task, ownerKey, identity, membership } = about;
  const self = identity.id;
  return {
    self,
    introduce: (to, { own, other }) => ({
      membership,
      signature: sign('handshake', handshakeBytes({ task, from: self, to, own, other }), identity),
    }),
    check(from, { own, other }, introduction) {
      const member = verifyMembership(introduction.membership, { task, peer: from, ownerKey });
      if (!member.ok) return member;
      // Its own end is the other one to us.
      const bytes = handshakeBytes({ task, from, to: self, own: other, other: own });
      const holds = verifySignature('handshake', bytes, introduction.signature, from);
      return holds ? ok(null) : err('the handshake was not signed for this channel');
    },
  };
}
