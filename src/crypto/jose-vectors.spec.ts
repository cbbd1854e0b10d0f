import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isKeyId, Refused } from '../envelope/index.js';
import { isSignAlg, type SignAlg } from './algorithms.js';
import { readHeader, splitCompact } from './compact.js';
import type { PublicJwk } from './key-members.js';
import { admitKey } from './key-policy.js';
import { thumbprint } from './thumbprint.js';
import { VerificationKey } from './verification-key.js';

const VECTORS = resolve(process.cwd(), '../shared/vectors');
const present = existsSync(VECTORS);
const absence = present ? '' : ` (skipped: no test vectors in ${VECTORS})`;

type Jwk = Record<string, unknown>;

interface VectorFile {
  /** RFC 9964. */
  readonly jwk: Jwk;
  readonly jws: string;
  /** RFC 7520 and the examples in its manner. */
  readonly input: { readonly key: Jwk };
  readonly output: { readonly compact: string };
}

function read(file: string): VectorFile {
  return JSON.parse(readFileSync(resolve(VECTORS, file), 'utf8')) as VectorFile;
}

/** The public half with a kid, as a registered key has it. These keys are published, so no policy. */
function registered(jwk: Jwk, alg: SignAlg): PublicJwk {
  const kid = 'k';
  if (!isKeyId(kid)) throw new Error('not a kid');
  const own = ['kty', 'crv', 'x', 'y', 'n', 'e', 'pub'].filter((member) => member in jwk);
  const material = Object.fromEntries(own.map((member) => [member, jwk[member]]));
  return { ...material, kty: String(jwk['kty']), kid, use: 'sig', alg };
}

async function answer(jws: string, jwk: Jwk, alg: SignAlg): Promise<string> {
  try {
    const { headerBytes, token } = splitCompact(jws, 64 * 1024);
    const header = readHeader(headerBytes);
    if (!isSignAlg(header.alg)) return 'alg_not_allowed';
    const key = registered(jwk, alg);
    await (await VerificationKey.import(key, await thumbprint(key))).verify(token, header.alg);
    return 'verified';
  } catch (error) {
    return error instanceof Refused ? error.code : `threw ${String(error)}`;
  }
}

function tampered(jws: string): string {
  const [header = '', payload = '', signature = ''] = jws.split('.');
  return [header, `${payload.startsWith('A') ? 'B' : 'A'}${payload.slice(1)}`, signature].join('.');
}

describe.skipIf(!present)(`the examples of the RFCs${absence}`, () => {
  it.each(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const)(
    'RFC 9964: %s verifies',
    async (alg) => {
      const { jwk, jws } = read(`ml-dsa-jose/${alg.replaceAll('-', '_')}.jose.json`);

      expect(await thumbprint(jwk)).toBe(jwk['kid']);
      expect(await answer(jws, jwk, alg)).toBe('verified');
      expect(await answer(tampered(jws), jwk, alg)).toBe('signature_invalid');
    },
  );

  it('RFC 9964: the keys of the all-zero seed are refused at registration', async () => {
    const { jwk } = read('ml-dsa-jose/ML_DSA_44.jose.json');

    const admitted = admitKey(registered(jwk, 'ML-DSA-44'), { allowRs256: false });

    await expect(admitted).rejects.toThrow(/printed in public/);
  });

  it('RFC 8037 A.4: Ed25519 verifies under its old name, for a key with either name', async () => {
    const { input, output } = read('jose-cookbook/curve25519/jws.json');

    expect(await answer(output.compact, input.key, 'EdDSA')).toBe('verified');
    expect(await answer(output.compact, input.key, 'Ed25519')).toBe('verified');
    expect(await answer(tampered(output.compact), input.key, 'Ed25519')).toBe('signature_invalid');
  });

  it('RFC 7520 4.1: RS256 verifies, and not with a key for PS256', async () => {
    const { input, output } = read('jose-cookbook/jws/4_1.rsa_v15_signature.json');

    expect(await answer(output.compact, input.key, 'RS256')).toBe('verified');
    expect(await answer(output.compact, input.key, 'PS256')).toBe('alg_not_allowed');
  });

  it.each([
    ['4.2 (PS384)', '4_2.rsa-pss_signature.json'],
    ['4.4 (HS256)', '4_4.hmac-sha2_integrity_protection.json'],
    ['4.3 (ES512)', '4_3.ecdsa_signature.json'],
  ])('RFC 7520 %s has no algorithm of ours', async (_section, file) => {
    const { input, output } = read(`jose-cookbook/jws/${file}`);

    expect(await answer(output.compact, input.key, 'PS256')).toBe('alg_not_allowed');
  });
});
