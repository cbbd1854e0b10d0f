import {
  CLIENT_REASONS,
  type ClientReasonCode,
  type ReasonCode,
  Refused,
  Rejected,
} from '../envelope/index.js';

/** Why a recipient does not take an envelope. Programs match on `code`. */
export interface Refusal {
  readonly code: ReasonCode | ClientReasonCode | 'declined';
  readonly detail?: string;
  /** The word of RFC 8935 section 2.4 by which the exchange is told. */
  readonly err: string;
  readonly description: string;
}

/** Thrown by a handler: this is not taken and MUST NOT come again. The exchange is told, and the sender. */
export class Declined extends Error {
  override readonly name = 'Declined';

  constructor(
    /** For the sender; never hold content. */
    readonly description: string,
    readonly err = 'access_denied',
  ) {
    super(description);
  }
}

/** The refusal that an error stands for; undefined for what is no refusal but a fault. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Declined)
    return { code: 'declined', err: error.err, description: error.description };
  if (!(error instanceof Refused) && !(error instanceof Rejected)) return undefined;
  const { code, detail, message: description } = error;
  const err = error instanceof Refused ? errOf(error) : CLIENT_REASONS[error.code].err;
  return { code, err, description, ...(detail === undefined ? {} : { detail }) };
}

const ERR: Readonly<Record<string, string>> = { aud: 'invalid_audience', iss: 'invalid_issuer' };
const KEY_FAULTS = new Set<ReasonCode>([
  'key_unknown',
  'signature_invalid',
  'alg_not_allowed',
  'stale_recipient_key',
]);

function errOf({ code, detail }: Refused): string {
  if (KEY_FAULTS.has(code)) return 'invalid_key';
  return ERR[detail ?? ''] ?? 'invalid_request';
}
