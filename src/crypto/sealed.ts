import { isKeyId, JsonFault, type KeyId, parseStrictJson, Refused } from '../envelope/index.js';
import { type ContentEnc, isContentEnc, isSealAlg, type SealAlg } from './algorithms.js';
import { fromBase64url, isCanonicalBase64url } from './base64url.js';
import { isJsonObject } from './compact.js';

/** The header of sealed content; its `iss`, `aud` and `jti` are copies, still to be compared. */
export interface SealedHeader {
  readonly alg: SealAlg;
  readonly enc: ContentEnc;
  readonly kid: KeyId;
  readonly iss: unknown;
  readonly aud: unknown;
  readonly jti: unknown;
}

const MEMBERS = new Set('alg enc kid cty typ epk apu apv iss aud jti'.split(' '));
/** RFC 7519 section 5.2 names `JWT` for nested tokens; the exact inner kind is as good. */
const CONTENT_TYPES: readonly unknown[] = ['sealpost-message+jwt', 'JWT'];

/**
 * Reads what a compact JWE shows without its key (RFC 7516 section 7.1): five canonical parts, an
 * algorithm and content encryption of the table, no compression, no header that carries trust.
 * Throws Refused and nothing else.
 */
export function parseSealed(sealed: string): SealedHeader {
  const parts = sealed.split('.');
  const [header = '', wrapped = '', iv = '', ciphertext = '', tag = ''] = parts;
  if (parts.length !== 5 || !parts.every((part) => part === '' || isCanonicalBase64url(part)))
    throw new Refused('envelope_malformed', 'sealed is not a compact JWE');
  if (iv === '' || ciphertext === '' || tag === '')
    throw new Refused('envelope_malformed', 'sealed has an empty part');
  const members = parseHeader(header);
  const { alg, enc, kid } = members;
  if (!isSealAlg(alg)) throw new Refused('alg_not_allowed', 'sealed.alg');
  if (!isContentEnc(enc)) throw new Refused('alg_not_allowed', 'sealed.enc');
  if (!isKeyId(kid)) throw new Refused('header_not_allowed', 'sealed.kid');
  // Direct agreement wraps nothing; the others always do (RFC 7516 section 5.1, CVE-2026-34986).
  if ((alg === 'ECDH-ES') !== (wrapped === ''))
    throw new Refused('envelope_malformed', 'sealed has the wrong encrypted key');
  return { alg, enc, kid, iss: members['iss'], aud: members['aud'], jti: members['jti'] };
}

function parseHeader(segment: string): Record<string, unknown> {
  const bytes = fromBase64url(segment);
  if (bytes === undefined || bytes.length === 0)
    throw new Refused('envelope_malformed', 'sealed header');
  const header = strict(bytes);
  for (const member of Object.keys(header))
    if (!MEMBERS.has(member)) throw new Refused('header_not_allowed', 'a member of sealed');
  if (!CONTENT_TYPES.includes(header['cty'])) throw new Refused('header_not_allowed', 'sealed.cty');
  if (header['epk'] !== undefined && !isPublicPoint(header['epk']))
    throw new Refused('header_not_allowed', 'sealed.epk');
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

function isPublicPoint(epk: unknown): boolean {
  return isJsonObject(epk) && Object.keys(epk).every((member) => /^(?:kty|crv|x|y)$/.test(member));
}
