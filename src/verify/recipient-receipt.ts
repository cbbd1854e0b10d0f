import { parseToken, VerificationKey, verifySignature } from '../crypto/index.js';
import { isPartnerId, LEEWAY_SECONDS, type PartnerId, Refused, TYP } from '../envelope/index.js';
import { isPrintable } from './read-claims.js';
import { secondsOf, type World } from './world.js';

/** What a recipient states about an envelope: once each (DESIGN.md section 6). */
export const RECIPIENT_STATES = ['verified', 'processed', 'rejected'] as const;
export type RecipientState = (typeof RECIPIENT_STATES)[number];

/** A receipt that its recipient signed; whether there is such an envelope is for the ledger to say. */
export interface RecipientReceipt {
  readonly token: string;
  readonly issuer: PartnerId;
  readonly kid: string;
  /** The sender of the envelope. */
  readonly sender: PartnerId;
  readonly jti: string;
  readonly state: RecipientState;
  readonly envelope: {
    readonly jti: string;
    /** base64url. */
    readonly sha256: string;
    readonly jkt: string;
  };
}

/** A receipt is small; the longest signature (ML-DSA-87) takes some 6 KiB of it. */
const MAX_RECEIPT_BYTES = 16_384;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/**
 * Verifies that `by` signed this receipt with an active key, for this exchange, about an envelope that
 * was sent to it. Throws Refused.
 */
export async function verifyRecipientReceipt(
  token: unknown,
  by: PartnerId,
  { trust, now, issuer }: World,
): Promise<RecipientReceipt> {
  const parsed = parseToken(token, { typ: TYP.receipt, maxBytes: MAX_RECEIPT_BYTES });
  const key = await trust.key(by, parsed.header.kid);
  if (key === undefined || key.use !== 'sig' || key.status !== 'active')
    throw new Refused('key_unknown');
  await verifySignature(parsed, await VerificationKey.import(key.jwk, key.jkt));
  const { payload } = parsed;
  demand(payload['iss'] === by, 'iss');
  demand(payload['via'] === issuer, 'via');
  demand(payload['recipient'] === by, 'recipient');
  demand(isRecent(payload['iat'], now), 'iat');
  const { jti, aud, state } = payload;
  if (!isPrintable(jti)) throw invalid('jti');
  if (!isPartnerId(aud)) throw invalid('aud');
  const stated = RECIPIENT_STATES.find((one) => one === state);
  if (stated === undefined) throw invalid('state');
  return {
    token: parsed.token,
    issuer: by,
    kid: parsed.header.kid,
    sender: aud,
    jti,
    state: stated,
    envelope: readEnvelope(payload['envelope'], aud),
  };
}

function readEnvelope(value: unknown, sender: PartnerId): RecipientReceipt['envelope'] {
  if (typeof value !== 'object' || value === null) throw invalid('envelope');
  const { iss, jti, sha256, jkt }: Record<string, unknown> = { ...value };
  demand(iss === sender, 'envelope.iss');
  if (!isPrintable(jti)) throw invalid('envelope.jti');
  if (typeof sha256 !== 'string' || !DIGEST.test(sha256)) throw invalid('envelope.sha256');
  if (typeof jkt !== 'string' || !DIGEST.test(jkt)) throw invalid('envelope.jkt');
  return { jti, sha256, jkt };
}

function isRecent(iat: unknown, now: Date): boolean {
  return (
    typeof iat === 'number' &&
    Number.isSafeInteger(iat) &&
    iat >= 0 &&
    iat <= secondsOf(now) + LEEWAY_SECONDS
  );
}

function demand(holds: boolean, claim: string): void {
  if (!holds) throw invalid(claim);
}

function invalid(claim: string): Refused {
  return new Refused('claims_invalid', claim);
}
