import { describe, expect, it } from 'vitest';
import { SIGN_ALGS } from './algorithms.js';
import { generateKey } from './generate-key.js';
import { SigningKey } from './signing-key.js';

describe('a signing key', () => {
  it.each(SIGN_ALGS)('by %s is imported with its public half', async (alg) => {
    const made = await generateKey('sig', alg);

    const key = await SigningKey.import({ ...made.privateJwk, key_ops: ['sign'], ext: true });

    expect(key).toMatchObject({ kid: made.jkt, alg, jkt: made.jkt, publicJwk: made.publicJwk });
    expect(JSON.stringify(key)).not.toContain(
      String(made.privateJwk['d'] ?? made.privateJwk['priv']),
    );
  });

  it('is refused without kid, alg or use, as a public key, or for sealing', async () => {
    const { privateJwk, publicJwk } = await generateKey('sig', 'ES256');
    const { privateJwk: sealing } = await generateKey('enc', 'ECDH-ES');
    const bad = [
      ...['kid', 'alg', 'use', 'd', 'x'].map((member) => ({ ...privateJwk, [member]: undefined })),
      publicJwk,
      sealing,
      null,
      'x',
      {},
    ];
    for (const jwk of bad) {
      await expect(SigningKey.import(jwk)).rejects.toMatchObject({ code: 'key_rejected' });
    }
  });

  it('is refused with the public half of another', async () => {
    for (const alg of ['ES256', 'Ed25519', 'PS256', 'ML-DSA-44'] as const) {
      const [one, other] = [await generateKey('sig', alg), await generateKey('sig', alg)];
      const mixed = { ...one.privateJwk, ...other.publicJwk };

      await expect(SigningKey.import(mixed)).rejects.toMatchObject({ code: 'key_rejected' });
    }
  });

  it('is not made for an alg of the other use', async () => {
    await expect(generateKey('enc', 'ES256')).rejects.toMatchObject({ code: 'key_rejected' });
  });
});
