import { compactVerify, importJWK, type CryptoKey } from 'jose';
import { Refused, type Thumbprint } from '../envelope/index.js';
import { isSignAlg, sameAlg, type SignAlg } from './algorithms.js';
import { materialOf, type PublicJwk } from './key-members.js';
import { thumbprint } from './thumbprint.js';
import type { ParsedToken } from './token.js';

/** Imported keys kept: importing costs as much as a verification. */
const MAX_CACHED_KEYS = 4096;
const cache = new Map<string, VerificationKey>();

/**
 * A public key bound to exactly one algorithm: the only way to verify. No secret and no raw bytes
 * can become one, so a public key cannot be taken for an HMAC secret (CVE-2016-10555).
 */
export class VerificationKey {
  readonly #key: CryptoKey;

  private constructor(
    readonly jkt: Thumbprint,
    readonly alg: SignAlg,
    key: CryptoKey,
  ) {
    this.#key = key;
  }

  /**
   * Imports a key that the key policy admitted before. Cached by thumbprint and algorithm: a
   * thumbprint names the material, so a cached key cannot be stale. Whether the key may still be
   * used is for the caller to know.
   */
  static async import(jwk: PublicJwk, jkt: Thumbprint): Promise<VerificationKey> {
    const name = `${jkt} ${jwk.alg}`;
    const cached = cache.get(name) ?? (await VerificationKey.#load(jwk, jkt));
    cache.delete(name);
    cache.set(name, cached);
    if (cache.size > MAX_CACHED_KEYS) forgetOldest();
    return cached;
  }

  static async #load(jwk: PublicJwk, jkt: Thumbprint): Promise<VerificationKey> {
    if (!isSignAlg(jwk.alg)) throw new Refused('key_rejected', 'not a signature key');
    const material = materialOf(jwk);
    if ((await thumbprint(material)) !== jkt) throw new Refused('key_rejected', 'thumbprint');
    return new VerificationKey(jkt, jwk.alg, await importPublic(material, jwk.alg));
  }

  /** Refuses unless the token's own `alg` is this key's, and the signature is this key's. */
  async verify(token: string, alg: SignAlg): Promise<void> {
    // RFC 8725 section 3.1: being on the list is not enough, it must be what the key is for.
    if (!sameAlg(alg, this.alg)) throw new Refused('alg_not_allowed', 'alg is not the key’s');
    try {
      await compactVerify(token, this.#key, { algorithms: [alg] });
    } catch {
      throw new Refused('signature_invalid');
    }
  }
}

function forgetOldest(): void {
  const oldest = cache.keys().next();
  if (oldest.done !== true) cache.delete(oldest.value);
}

/** Imports as a public key or refuses; `material` MUST be a copy, because jose freezes what it gets. */
export async function importPublic(
  material: Record<string, string>,
  alg: string,
): Promise<CryptoKey> {
  let key: CryptoKey | Uint8Array;
  try {
    key = await importJWK(material, alg, { extractable: true });
  } catch {
    throw new Refused('key_rejected', 'the key cannot be imported');
  }
  if (key instanceof Uint8Array || key.type !== 'public') {
    throw new Refused('key_rejected', 'not a public key');
  }
  return key;
}

/** Refuses with `alg_not_allowed` or `signature_invalid`; afterwards the token is the key holder's. */
export async function verifySignature(parsed: ParsedToken, key: VerificationKey): Promise<void> {
  await key.verify(parsed.token, parsed.header.alg);
}
