import { CompactSign, importJWK, type CryptoKey } from 'jose';
import type { KeyId, Thumbprint } from '../envelope/index.js';
import { isSignAlg, type SignAlg } from './algorithms.js';
import { isJsonObject } from './compact.js';
import { keyRejected, PRIVATE_MEMBERS, type PublicJwk } from './key-members.js';
import { admitKey, type AdmittedKey } from './key-policy.js';
import { VerificationKey } from './verification-key.js';

/** A private key that signs with exactly one algorithm. The key itself cannot be read from it. */
export class SigningKey {
  readonly #key: CryptoKey;
  readonly kid: KeyId;
  readonly alg: SignAlg;
  readonly jkt: Thumbprint;
  readonly publicJwk: PublicJwk;

  private constructor(admitted: AdmittedKey, alg: SignAlg, key: CryptoKey) {
    this.#key = key;
    this.kid = admitted.kid;
    this.alg = alg;
    this.jkt = admitted.jkt;
    this.publicJwk = admitted.jwk;
  }

  /**
   * Imports a private JWK with `kid`, `use: sig` and `alg`, whose public half meets the key policy
   * and belongs to it. Throws Refused (`key_rejected`) otherwise, never with a value of the key.
   */
  static async import(privateJwk: unknown): Promise<SigningKey> {
    const { admitted, key } = await importPrivate(privateJwk);
    if (!isSignAlg(admitted.alg)) throw keyRejected('not a signature key');
    const signingKey = new SigningKey(admitted, admitted.alg, key);
    await signingKey.#proveHalvesMatch();
    return signingKey;
  }

  /** A compact JWS with the header `typ`, `alg`, `kid`; a payload that is a string is JSON text as it is. */
  async sign(typ: string, payload: object | string): Promise<string> {
    const json = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return new CompactSign(new TextEncoder().encode(json))
      .setProtectedHeader({ typ, alg: this.alg, kid: this.kid })
      .sign(this.#key);
  }

  // Not every import notices a public half of another key; what it signs would verify nowhere.
  async #proveHalvesMatch(): Promise<void> {
    try {
      const verificationKey = await VerificationKey.import(this.publicJwk, this.jkt);
      await verificationKey.verify(await this.sign('probe', {}), this.alg);
    } catch {
      throw keyRejected('the private and the public half do not belong together');
    }
  }
}

/** The public half under the key policy, and the private key as one that cannot be exported. */
export async function importPrivate(
  privateJwk: unknown,
): Promise<{ admitted: AdmittedKey; key: CryptoKey }> {
  const jwk = copyOf(privateJwk);
  // RS256 is the operator's exception; whose own key it is decides for themselves.
  const admitted = await admitKey(publicHalf(jwk), { allowRs256: true });
  const key = await importOrRefuse(jwk, admitted.alg);
  if (key instanceof Uint8Array || key.type !== 'private') throw keyRejected('no private key');
  return { admitted, key };
}

/** The public half of a private JWK of either use, under the key policy. Throws Refused (`key_rejected`). */
export async function publicHalfOf(privateJwk: unknown): Promise<AdmittedKey> {
  return (await importPrivate(privateJwk)).admitted;
}

// Read once: both halves MUST come from the same look at it.
function copyOf(privateJwk: unknown): Record<string, unknown> {
  try {
    if (isJsonObject(privateJwk)) return { ...privateJwk };
  } catch {
    // A getter or proxy that throws is no key either.
  }
  throw keyRejected('not a JSON object');
}

// key_ops and ext speak of the private half.
function publicHalf(privateJwk: Record<string, unknown>): Record<string, unknown> {
  const left = new Set([...PRIVATE_MEMBERS, 'key_ops', 'ext']);
  return Object.fromEntries(Object.entries(privateJwk).filter(([member]) => !left.has(member)));
}

async function importOrRefuse(
  privateJwk: Record<string, unknown>,
  alg: string,
): Promise<CryptoKey | Uint8Array> {
  const { key_ops: _keyOps, ext: _ext, use: _use, ...material } = privateJwk;
  try {
    return await importJWK({ ...material, kty: String(material['kty']) }, alg, {
      extractable: false,
    });
  } catch {
    throw keyRejected('the private key cannot be imported');
  }
}
