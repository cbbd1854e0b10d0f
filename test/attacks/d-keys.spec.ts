import { createPublicKey, verify } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { admitKey, generateKey } from '../../src/crypto/index.js';

const named = { kid: 'k', use: 'sig' };

describe('the Node that runs this (98)', () => {
  it('takes no signature by a point of small order, should such a key ever get past the policy', () => {
    const identity = Buffer.from([1, ...new Uint8Array(31)]);
    const signature = Buffer.concat([identity, Buffer.alloc(32)]);
    const x = identity.toString('base64url');

    for (const message of ['one', 'another']) expect(holds(x, message, signature)).toBe(false);
  });
});

function holds(x: string, message: string, signature: Buffer): boolean {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, Buffer.from(message), key, signature);
  } catch {
    return false;
  }
}

describe('kinds of keys that do not exist here (113)', () => {
  it.each([
    { kty: 'DSA', alg: 'DSA' },
    { kty: 'DH', alg: 'ECDH-ES' },
    { kty: 'OKP', crv: 'Ed448', alg: 'EdDSA', x: 'A'.repeat(76) },
    { kty: 'OKP', crv: 'X448', alg: 'ECDH-ES', use: 'enc', x: 'A'.repeat(75) },
    { kty: 'EC', crv: 'P-521', alg: 'ES512', x: 'A'.repeat(88), y: 'A'.repeat(88) },
    { kty: 'EC', crv: 'sm2p256v1', alg: 'SM2', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    { kty: 'EC', crv: 'brainpoolP256r1', alg: 'ES256', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    { kty: 'AKP', alg: 'ML-KEM-768', use: 'enc', pub: 'A'.repeat(1579) },
    { kty: 'RSA', alg: 'PS256', use: 'sig', n: 'AQAB', e: 'AQAB', oth: [] },
    { kty: 'oct', alg: 'HS256', k: 'c2VjcmV0' },
  ])('$kty $crv $alg is refused', async (jwk) => {
    await expect(admitKey({ ...named, ...jwk }, { allowRs256: true })).rejects.toMatchObject({
      code: 'key_rejected',
    });
  });
});

describe('a public key of RSA', () => {
  it.each([
    ['of 512 bits (87)', (1n << 511n) + 1n],
    ['that is even (89)', (1n << 2047n) + 2n],
    ['that is a power of two (89)', 1n << 2047n],
    ['that is all ones (89)', (1n << 2048n) - 1n],
    ['that is a square (89)', ((1n << 1023n) + 1_155n) ** 2n],
  ])('%s is refused', async (_, modulus) => {
    const { publicJwk } = await generateKey('sig', 'PS256');
    const hex = modulus.toString(16);
    const n = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');

    await expect(
      admitKey({ ...publicJwk, n: n.toString('base64url') }, { allowRs256: true }),
    ).rejects.toMatchObject({ code: 'key_rejected' });
  });
});

describe('the code that verifies (32, 36)', () => {
  const sources = globSync('src/**/*.ts')
    .filter((path) => !path.endsWith('.spec.ts'))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
  const calls = (name: string) =>
    sources.flatMap(({ path, text }) =>
      [...text.matchAll(new RegExp(`\\b${name}\\(([^;]*);`, 'g'))].map(([, call = '']) => ({
        path,
        call,
      })),
    );

  it('tells jose at every call which algorithm it must be', () => {
    const verifying = calls('compactVerify');

    expect(verifying.length).toBeGreaterThan(0);
    for (const { path, call } of verifying)
      expect([path, call]).toEqual([path, expect.stringMatching(/algorithms: \[/)]);
    for (const { path, call } of calls('compactDecrypt'))
      expect([path, call]).toEqual([
        path,
        expect.stringMatching(/keyManagementAlgorithms[^]*contentEncryptionAlgorithms/),
      ]);
  });

  it('uses nothing of jose that resolves keys or algorithms from a token', () => {
    const text = sources.map((source) => source.text).join('\n');

    expect(text).not.toMatch(
      /\b(?:jwtVerify|generalVerify|flattenedVerify|EmbeddedJWK|createRemoteJWKSet|createLocalJWKSet|UnsecuredJWT|decodeJwt|decodeProtectedHeader)\b/,
    );
  });
});
