import { compactDecrypt, type CryptoKey } from 'jose';
import { EXCHANGE_ID, type KeyId, Rejected, type Thumbprint } from '../envelope/index.js';
import { CONTENT_ENCS, isSealAlg, type SealAlg } from './algorithms.js';
import { keyRejected, type PublicJwk } from './key-members.js';
import type { AdmittedKey } from './key-policy.js';
import { seal } from './seal.js';
import { parseSealed, type SealedHeader } from './sealed.js';
import { importPrivate } from './signing-key.js';

/** What was sealed, with the header that was authenticated together with it. */
export interface Opened {
  readonly header: SealedHeader;
  readonly plaintext: string;
}

/** A private key that opens what is sealed to it, with exactly one algorithm. It cannot be read from here. */
export class OpeningKey {
  readonly #key: CryptoKey;
  readonly #alg: SealAlg;

  private constructor(
    /** The public half, as a sender uses it. */
    readonly admitted: AdmittedKey,
    alg: SealAlg,
    key: CryptoKey,
  ) {
    this.#key = key;
    this.#alg = alg;
  }

  get kid(): KeyId {
    return this.admitted.kid;
  }

  get jkt(): Thumbprint {
    return this.admitted.jkt;
  }

  get publicJwk(): PublicJwk {
    return this.admitted.jwk;
  }

  /**
   * Imports a private JWK with `kid`, `use: enc` and `alg`, whose public half meets the key policy and
   * belongs to it. Throws Refused (`key_rejected`) otherwise, never with a value of the key.
   */
  static async import(privateJwk: unknown): Promise<OpeningKey> {
    const { admitted, key } = await importPrivate(privateJwk);
    if (!isSealAlg(admitted.alg)) throw keyRejected('not an encryption key');
    const openingKey = new OpeningKey(admitted, admitted.alg, key);
    await openingKey.#proveHalvesMatch();
    return openingKey;
  }

  /**
   * Opens what was sealed to this key. There is one error for every way in which that fails, so that
   * nobody learns from the answer how far a forgery came (RFC 7516 section 11.5). The `iss`, `aud` and
   * `jti` of the header are still to be compared.
   */
  async open(sealed: string): Promise<Opened> {
    try {
      return await this.#open(sealed);
    } catch {
      throw new Rejected('cannot_open');
    }
  }

  async #open(sealed: string): Promise<Opened> {
    const header = parseSealed(sealed);
    if (header.kid !== this.kid) throw new Rejected('cannot_open');
    const { plaintext } = await compactDecrypt(sealed, this.#key, {
      keyManagementAlgorithms: [this.#alg],
      contentEncryptionAlgorithms: [...CONTENT_ENCS],
      maxDecompressedLength: 0,
    });
    return { header, plaintext: new TextDecoder('utf-8', { fatal: true }).decode(plaintext) };
  }

  // Not every import notices a public half of another key; what is sealed to that would stay shut.
  async #proveHalvesMatch(): Promise<void> {
    try {
      const replicated = { iss: EXCHANGE_ID, aud: EXCHANGE_ID, jti: 'probe' };
      await this.open(await seal('probe', { to: this.admitted, replicated }));
    } catch {
      throw keyRejected('the private and the public half do not belong together');
    }
  }
}
