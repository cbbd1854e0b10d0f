import {
  parseToken,
  type ParsedToken,
  type VerificationKey,
  verifySignature,
} from '../crypto/index.js';
import {
  type KeyId,
  LEEWAY_SECONDS,
  MAX_PROOF_SECONDS,
  type PartnerId,
  Refused,
  type Thumbprint,
} from '../envelope/index.js';
import { secondsOf } from './world.js';

/** What a key proof, a key statement or a client assertion has to say to hold here and now. */
export interface ExpectedProof {
  /** The kinds that are taken, compared exactly. */
  readonly typ: string | readonly string[];
  /** For client assertions: `typ` may be absent or `JWT` (RFC 7523). */
  readonly optionalTyp?: boolean;
  /** The key that must have signed. */
  readonly key: VerificationKey;
  readonly iss: PartnerId;
  readonly sub: PartnerId;
  /** This exchange's issuer URL. */
  readonly aud: string;
  /** For client assertions: an array whose only member is `aud` is taken too (rfc7523bis). */
  readonly audMayBeArray?: boolean;
  /** For client assertions: `iat` may be absent. */
  readonly iatOptional?: boolean;
  /** Thumbprint and id of the key that is spoken of; left out where no key is. */
  readonly jkt?: Thumbprint;
  readonly kid?: KeyId;
  readonly now: Date;
}

/** What has to be remembered, so that the proof holds once only. */
export interface ProvenOnce {
  readonly jti: string;
  /** Some leeway after this moment the proof is refused for its age alone. */
  readonly exp: Date;
}

/** The longest honest one is signed with ML-DSA-87: some 7 KiB. */
const MAX_PROOF_BYTES = 16_384;
const JTI = /^[\x20-\x7e]{1,255}$/;

/**
 * Verifies signature and claims. That its `jti` was not used before is for the caller to see to, in
 * the transaction of what the proof is for.
 *
 * Whatever is wrong is `proof_invalid`; `detail` names the claim or rule.
 */
export async function verifyProof(token: unknown, expected: ExpectedProof): Promise<ProvenOnce> {
  const parsed = peekProof(token, expected);
  await signedBy(parsed, expected.key);
  for (const [claim, holds] of CHECKS) {
    if (!holds(parsed.payload[claim], expected)) throw invalid(claim);
  }
  const { jti, exp } = parsed.payload;
  return { jti: String(jti), exp: new Date(Number(exp) * 1000) };
}

/** Takes a proof apart to learn which key it names. NOTHING in it is verified. */
export function peekProof(
  token: unknown,
  { typ, optionalTyp = false }: Pick<ExpectedProof, 'typ' | 'optionalTyp'>,
): ParsedToken {
  try {
    return parseToken(token, { typ, optionalTyp, maxBytes: MAX_PROOF_BYTES });
  } catch (error) {
    throw asInvalid(error);
  }
}

async function signedBy(parsed: ParsedToken, key: VerificationKey): Promise<void> {
  try {
    await verifySignature(parsed, key);
  } catch (error) {
    throw asInvalid(error);
  }
}

type Check = (value: unknown, expected: ExpectedProof) => boolean;

/** Every claim that is looked at; each with the rule that it keeps. */
const CHECKS: readonly (readonly [claim: string, holds: Check])[] = [
  ['iss', (value, { iss }) => value === iss],
  ['sub', (value, { sub }) => value === sub],
  ['aud', holdsAud],
  ['iat', holdsIat],
  ['nbf', (value, expected) => value === undefined || hasCome(value, expected)],
  ['exp', holdsExp],
  ['jti', (value) => typeof value === 'string' && JTI.test(value)],
  ['jkt', (value, { jkt }) => jkt === undefined || value === jkt],
  ['kid', (value, { kid }) => kid === undefined || value === kid],
];

// Several audiences would let one of them use it at another (CVE-2025-27370).
function holdsAud(value: unknown, { aud, audMayBeArray = false }: ExpectedProof): boolean {
  if (Array.isArray(value)) return audMayBeArray && value.length === 1 && value[0] === aud;
  return value === aud;
}

function holdsIat(value: unknown, expected: ExpectedProof): boolean {
  if (value === undefined) return expected.iatOptional === true;
  return hasCome(value, expected);
}

function hasCome(value: unknown, { now }: ExpectedProof): boolean {
  return isSeconds(value) && value <= secondsOf(now) + LEEWAY_SECONDS;
}

function holdsExp(value: unknown, { now }: ExpectedProof): boolean {
  if (!isSeconds(value)) return false;
  const left = value - secondsOf(now);
  return left > -LEEWAY_SECONDS && left <= MAX_PROOF_SECONDS + LEEWAY_SECONDS;
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function asInvalid(error: unknown): unknown {
  return error instanceof Refused ? invalid(error.detail ?? error.code) : error;
}

function invalid(what: string): Refused {
  return new Refused('proof_invalid', what);
}
