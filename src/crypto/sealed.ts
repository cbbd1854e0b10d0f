import { isKeyId, JsonFault, type KeyId, parseStrictJson, Refused } from '../envelope/index.js';
import { type ContentEnc, isContentEnc, isSealAlg, type SealAlg } from './algorithms.js';
import { fromBase64url } from './base64url.js';
import { isJsonObject } from './compact.js';
import { faultOfP256, faultOfX25519 } from './curve-points.js';

/** The header of sealed content; its `iss`, `aud` and `jti` are copies, still to be compared. */
export interface SealedHeader {
  readonly alg: SealAlg;
  readonly enc: ContentEnc;
  readonly kid: KeyId;
  /** Curve of the ephemeral key: the recipient's key has to be on it. Undefined with RSA. */
  readonly crv: string | undefined;
  readonly iss: unknown;
  readonly aud: unknown;
  readonly jti: unknown;
}

const MEMBERS = new Set('alg enc kid cty typ epk apu apv iss aud jti'.split(' '));
/** RFC 7519 section 5.2 names `JWT` for nested tokens; the exact inner kind is as good. */
const CONTENT_TYPES: readonly unknown[] = ['sealpost-message+jwt', 'JWT'];
/** RFC 7518 sections 5.3 and 5.2.5: a shorter tag would be a weaker one. */
const SIZES: Readonly<Record<ContentEnc, { ivBytes: number; tagBytes: number }>> = {
  A256GCM: { ivBytes: 12, tagBytes: 16 },
  'A256CBC-HS512': { ivBytes: 16, tagBytes: 32 },
};

/**
 * Reads what a compact JWE shows without its key (RFC 7516 section 7.1): five canonical parts of the
 * right size, an algorithm and content encryption of the table, a sound ephemeral key, no compression,
 * no header that carries trust. Throws Refused and nothing else.
 */
export function parseSealed(sealed: string): SealedHeader {
  const { header, ...sizes } = splitSealed(sealed);
  const members = parseHeader(header);
  const { alg, enc, kid } = members;
  if (!isSealAlg(alg)) throw new Refused('alg_not_allowed', 'sealed.alg');
  if (!isContentEnc(enc)) throw new Refused('alg_not_allowed', 'sealed.enc');
  if (!isKeyId(kid)) throw new Refused('header_not_allowed', 'sealed.kid');
  checkSizes(sizes, alg, enc);
  const { iss, aud, jti } = members;
  return { alg, enc, kid, crv: checkEpk(members['epk'], alg), iss, aud, jti };
}

interface PartSizes {
  readonly wrapped: number;
  readonly iv: number;
  readonly ciphertext: number;
  readonly tag: number;
}

function splitSealed(sealed: string): PartSizes & { readonly header: Uint8Array } {
  const [header, wrapped, iv, ciphertext, tag, ...more] = sealed.split('.').map(fromBase64url);
  if (!header || !wrapped || !iv || !ciphertext || !tag || more.length > 0)
    throw new Refused('envelope_malformed', 'sealed is not a compact JWE');
  return {
    header,
    wrapped: wrapped.length,
    iv: iv.length,
    ciphertext: ciphertext.length,
    tag: tag.length,
  };
}

function checkSizes({ wrapped, iv, ciphertext, tag }: PartSizes, alg: SealAlg, enc: ContentEnc) {
  const { ivBytes, tagBytes } = SIZES[enc];
  if (iv !== ivBytes || tag !== tagBytes || ciphertext === 0)
    throw new Refused('envelope_malformed', 'sealed has a part of the wrong size');
  // Direct agreement wraps nothing; the others always do (RFC 7516 section 5.1, CVE-2026-34986).
  if ((alg === 'ECDH-ES') !== (wrapped === 0))
    throw new Refused('envelope_malformed', 'sealed has the wrong encrypted key');
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  const header = strict(bytes);
  for (const member of Object.keys(header))
    if (!MEMBERS.has(member)) throw new Refused('header_not_allowed', 'a member of sealed');
  if (!CONTENT_TYPES.includes(header['cty'])) throw new Refused('header_not_allowed', 'sealed.cty');
  return header;
}

function strict(bytes: Uint8Array): Record<string, unknown> {
  try {
    const header = parseStrictJson(bytes);
    if (isJsonObject(header)) return header;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const hidden = error.kind === 'duplicate' || error.kind === 'member';
    if (hidden) throw new Refused('header_not_allowed', `${error.kind} in the sealed header`);
  }
  throw new Refused('envelope_malformed', 'the sealed header is not a strict JSON object');
}

/** RFC 7518 section 4.6.1.1: a public key of the agreement's curve, with which the others do nothing. */
function checkEpk(epk: unknown, alg: SealAlg): string | undefined {
  if (alg === 'RSA-OAEP-256' && epk === undefined) return undefined;
  const crv = alg === 'RSA-OAEP-256' ? undefined : curveOf(epk);
  if (crv === undefined) throw new Refused('header_not_allowed', 'sealed.epk');
  return crv;
}

/** The curve of a point that is on it; undefined for whatever else (invalid curve attacks, low order). */
function curveOf(epk: unknown): string | undefined {
  if (!isJsonObject(epk)) return undefined;
  const { kty, crv, x, y, ...others } = epk;
  if (Object.keys(others).length > 0) return undefined;
  if (kty === 'EC' && crv === 'P-256') return isSound(faultOfP256(bytesOf(x), bytesOf(y)), crv);
  if (kty === 'OKP' && crv === 'X25519' && y === undefined)
    return isSound(faultOfX25519(bytesOf(x)), crv);
  return undefined;
}

function isSound(fault: string | undefined, crv: string): string | undefined {
  return fault === undefined ? crv : undefined;
}

function bytesOf(coordinate: unknown): Uint8Array {
  const bytes = typeof coordinate === 'string' ? fromBase64url(coordinate) : undefined;
  return bytes ?? new Uint8Array();
}
