import { exportJWK, generateKeyPair } from 'jose';
import { Refused, type KeyId, type Thumbprint } from '../envelope/index.js';
import { algorithm, type KeyUse, type SealAlg, type SignAlg } from './algorithms.js';
import { keyRejected, type PublicJwk } from './key-members.js';
import { admitKey } from './key-policy.js';
import { thumbprint } from './thumbprint.js';

export interface GeneratedKey {
  readonly privateJwk: Record<string, unknown>;
  readonly publicJwk: PublicJwk;
  readonly jkt: Thumbprint;
}

export interface GenerateOptions {
  /** For ECDH-ES and ECDH-ES+A256KW; P-256 unless told otherwise. */
  readonly crv?: 'P-256' | 'X25519';
  /** The thumbprint unless told otherwise. */
  readonly kid?: KeyId;
}

/** Makes a key pair whose public half meets the key policy. RSA keys have 2048 bits. */
export async function generateKey(
  use: KeyUse,
  alg: SignAlg | SealAlg,
  options: GenerateOptions = {},
): Promise<GeneratedKey> {
  if (algorithm(alg).use !== use) throw keyRejected('alg does not fit use');
  const pair = await makePair(alg, options.crv);
  const material = await exportJWK(pair.publicKey);
  const kid = options.kid ?? (await thumbprint(material));
  const admitted = await admitKey({ ...material, kid, use, alg }, { allowRs256: true });
  return {
    privateJwk: { ...(await exportJWK(pair.privateKey)), kid, use, alg },
    publicJwk: admitted.jwk,
    jkt: admitted.jkt,
  };
}

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

async function makePair(alg: string, crv: string | undefined): Promise<KeyPair> {
  try {
    const which = crv === undefined ? {} : { crv };
    return await generateKeyPair(alg, { extractable: true, ...which });
  } catch {
    throw new Refused('key_rejected', 'no such key can be made here');
  }
}
