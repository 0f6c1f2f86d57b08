import { encodeCanonical } from '../../src/crypto/index.ts';
import { bytesToHex } from '../../src/lib/index.ts';
import type { OwnerApi, Verdict } from '../../src/protocol/index.ts';
import { headerId, type SignedHeader, type StateUpdate } from '../../src/vds/index.ts';
import type { TaskRoom } from '../task-room.ts';

export const asBytes = 'application/octet-stream';

/** Something that the caller can put right. */
export class ApiError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

export function membersBody(room: TaskRoom): OwnerApi<'members'> {
  return { members: room.connected, excluded: [...room.desk.excluded] };
}

export const encodedHeader = (signed: SignedHeader) =>
  Buffer.from(encodeCanonical(signed)).toString('base64');

export function admittedBody(signed: SignedHeader): OwnerApi<'admitted'> {
  return { header: headerId(signed.header), signed: encodedHeader(signed) };
}

export function stateBody({ core, freshness, revoked, keys }: StateUpdate): OwnerApi<'state'> {
  return {
    epoch: revoked.length,
    revoked: [...revoked],
    core: Buffer.from(core.bytes).toString('base64'),
    coreSignature: bytesToHex(core.signature),
    freshness: Buffer.from(freshness.bytes).toString('base64'),
    freshnessSignature: bytesToHex(freshness.signature),
    keys: keys.map(bytesToHex),
  };
}

/** @param parameter that was asked for by its index */
export function verdictBody(
  verdict: Verdict,
  ms: number,
  parameter: number | null = null,
): OwnerApi<'verdict'> {
  const nothing = { values: [], lanes: null, parameter: null, lanesMissing: null };
  if (!verdict.ok) return { holds: false, reason: verdict.error, ...nothing, ms };
  const { values, lanes } = verdict.value;
  return {
    holds: true,
    reason: null,
    values: [...values],
    lanes: lanes.ok ? lanes.value.map((each) => [...each]) : null,
    parameter,
    lanesMissing: lanes.ok ? null : lanes.error,
    ms,
  };
}
