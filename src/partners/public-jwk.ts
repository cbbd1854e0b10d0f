import { isSealAlg, isSignAlg, type PublicJwk } from '../crypto/index.js';
import { Broken, type KeyId } from '../envelope/index.js';

/** A key as the ledger keeps it: admitted by the key policy when it was written. */
export interface KeptKey {
  readonly kid: KeyId;
  readonly use: 'sig' | 'enc';
  readonly alg: string;
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** The JWK of a row. Throws Broken when no such row can have been written by us. */
export function publicJwkOf({ kid, use, alg, jwk }: KeptKey): PublicJwk {
  const kty = jwk['kty'];
  if (typeof kty !== 'string' || !(isSignAlg(alg) || isSealAlg(alg)))
    throw new Broken(`the ledger has a key that is none: ${kid}`);
  return { ...jwk, kty, kid, use, alg };
}
