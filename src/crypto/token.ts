import { isKeyId, JsonFault, parseStrictJson, Refused, type KeyId } from '../envelope/index.js';
import { isSignAlg, type SignAlg } from './algorithms.js';
import { isJsonObject, readHeader, splitCompact, type RawHeader } from './compact.js';

export interface TokenHeader {
  /** `JWT` where it was absent and might be. */
  readonly typ: string;
  readonly alg: SignAlg;
  readonly kid: KeyId;
}

/** A compact JWS taken apart strictly; nothing in it is believed before its signature holds. */
export interface ParsedToken {
  readonly token: string;
  readonly header: TokenHeader;
  readonly payload: Record<string, unknown>;
  readonly payloadBytes: Uint8Array;
}

export interface ParseOptions {
  /** The kinds that are taken here, compared exactly: jose folds case and prefixes "application/". */
  readonly typ: string | readonly string[];
  readonly maxBytes: number;
  /** For client assertions, which need not say their kind (RFC 7523): absent or `JWT` is taken too. */
  readonly optionalTyp?: boolean;
}

const MAX_KID_CHARS = 128;

/** Parses a token at the door, cheap checks first. Throws Refused and nothing else. */
export function parseToken(token: unknown, options: ParseOptions): ParsedToken {
  const compact = splitCompact(token, options.maxBytes);
  // RFC 7515 appendix F: a detached payload would be whatever somebody else says it is.
  if (compact.payloadBytes.length === 0) throw new Refused('envelope_malformed', 'no payload');
  const header = checkHeader(readHeader(compact.headerBytes), options);
  // Looked at after alg, so that "none" is answered as what it is.
  if (compact.signature === '') throw new Refused('envelope_malformed', 'no signature');
  return {
    token: compact.token,
    header,
    payload: parsePayload(compact.payloadBytes),
    payloadBytes: compact.payloadBytes,
  };
}

function checkHeader(raw: RawHeader, options: ParseOptions): TokenHeader {
  const typ = checkTyp(raw, options);
  if (!isSignAlg(raw.alg)) throw new Refused('alg_not_allowed', 'alg');
  return { typ, alg: raw.alg, kid: checkKid(raw.kid) };
}

// RFC 8725 section 3.11: one kind of token is never taken for another.
function checkTyp({ typ }: RawHeader, options: ParseOptions): string {
  const allowed = typeof options.typ === 'string' ? [options.typ] : options.typ;
  if (options.optionalTyp === true && (typ === undefined || typ === 'JWT')) return 'JWT';
  if (typeof typ !== 'string' || !allowed.includes(typ)) {
    throw new Refused('header_not_allowed', 'typ');
  }
  return typ;
}

// The key is named by the sender, never guessed: without a kid no key is tried.
function checkKid(kid: unknown): KeyId {
  if (kid === undefined) throw new Refused('key_unknown', 'no kid');
  if (typeof kid !== 'string' || kid.length > MAX_KID_CHARS) {
    throw new Refused('envelope_malformed', 'kid');
  }
  // No registered key can have such a kid, so this is the answer that a look-up would give.
  if (!isKeyId(kid)) throw new Refused('key_unknown');
  return kid;
}

function parsePayload(bytes: Uint8Array): Record<string, unknown> {
  let payload: unknown;
  try {
    payload = parseStrictJson(bytes);
  } catch (error) {
    throw payloadFault(error);
  }
  if (!isJsonObject(payload)) throw new Refused('claims_invalid', 'not a JSON object');
  return payload;
}

function payloadFault(error: unknown): unknown {
  if (!(error instanceof JsonFault)) return error;
  switch (error.kind) {
    case 'syntax':
    case 'encoding':
    case 'depth':
      return new Refused('envelope_malformed', `the payload is not strict JSON: ${error.kind}`);
    case 'duplicate':
    case 'member':
    case 'number':
    case 'string':
      return new Refused('claims_invalid', `the payload is not strict JSON: ${error.kind}`);
  }
}
