import { CompactEncrypt, type CryptoKey } from 'jose';
import { type PartnerId, Refused, TYP } from '../envelope/index.js';
import { type ContentEnc, isSealAlg } from './algorithms.js';
import { materialOf } from './key-members.js';
import type { AdmittedKey } from './key-policy.js';
import { importPublic } from './verification-key.js';

/** The claims of the envelope that stand in the header of its sealed content too. */
export interface ReplicatedClaims {
  readonly iss: PartnerId;
  readonly aud: PartnerId;
  readonly jti: string;
}

export interface SealOptions {
  /** An `enc` key of the recipient. Whether it is really theirs is for the caller to know. */
  readonly to: AdmittedKey;
  /** A256GCM unless told otherwise. */
  readonly enc?: ContentEnc;
  readonly replicated: ReplicatedClaims;
}

/** Each key imported once: its admission and its import stand for the same material. */
const imported = new WeakMap<AdmittedKey, Promise<CryptoKey>>();

/**
 * Seals a signed message as a compact JWE that only the holder of the recipient's key opens. Never
 * compressed: the length would tell of the content (RFC 8725 section 3.6).
 */
export async function seal(
  message: string,
  { to, enc = 'A256GCM', replicated }: SealOptions,
): Promise<string> {
  const { alg, kid } = to;
  if (!isSealAlg(alg)) throw new Refused('key_rejected', 'not an encryption key');
  const { iss, aud, jti } = replicated;
  return new CompactEncrypt(new TextEncoder().encode(message))
    .setProtectedHeader({ alg, enc, kid, cty: TYP.message, iss, aud, jti })
    .encrypt(await keyOf(to));
}

function keyOf(to: AdmittedKey): Promise<CryptoKey> {
  const known = imported.get(to) ?? importPublic(materialOf(to.jwk), to.alg);
  imported.set(to, known);
  return known;
}
