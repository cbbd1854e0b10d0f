import { assert, asyncProperty, json } from 'fast-check';
import { CompactEncrypt, importJWK } from 'jose';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KeyId, partnerId, Rejected } from '../envelope/index.js';
import type { ContentEnc, SealAlg } from './algorithms.js';
import { type GeneratedKey, generateKey } from './generate-key.js';
import { OpeningKey } from './opening-key.js';
import { seal } from './seal.js';
import { parseSealed } from './sealed.js';

const replicated = {
  iss: partnerId('acme', 'id'),
  aud: partnerId('globex', 'id'),
  jti: 'm-1',
};
const KEYS: readonly (readonly [SealAlg, 'P-256' | 'X25519' | undefined])[] = [
  ['ECDH-ES', 'P-256'],
  ['ECDH-ES', 'X25519'],
  ['ECDH-ES+A256KW', 'P-256'],
  ['ECDH-ES+A256KW', 'X25519'],
  ['RSA-OAEP-256', undefined],
];
const ENCS: readonly ContentEnc[] = ['A256GCM', 'A256CBC-HS512'];
const MATRIX = KEYS.flatMap(([alg, crv]) => ENCS.map((enc) => [alg, crv, enc] as const));

async function holder(alg: SealAlg, crv?: 'P-256' | 'X25519'): Promise<OpeningKey> {
  const made = await generateKey('enc', alg, crv === undefined ? {} : { crv });
  return OpeningKey.import(made.privateJwk);
}

/** What came of opening: the plaintext, or every word of the error. */
async function attempt(key: OpeningKey, sealed: string): Promise<string> {
  try {
    return (await key.open(sealed)).plaintext;
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    return `${error.code}: ${error.message} ${JSON.stringify(error.cause ?? '')}`;
  }
}

const SHUT = 'cannot_open: The sealed content cannot be opened ""';

describe.each(MATRIX)('sealed with %s on %s and %s', (alg, crv, enc) => {
  let key: OpeningKey;
  beforeAll(async () => {
    key = await holder(alg, crv);
  });

  it('opens to what was sealed, whatever JSON that is', async () => {
    await assert(
      asyncProperty(json(), async (message) => {
        const sealed = await seal(message, { to: key.admitted, enc, replicated });

        expect(await attempt(key, sealed)).toBe(message);
        expect(parseSealed(sealed)).toMatchObject({ alg, enc, kid: key.kid, ...replicated });
      }),
      { numRuns: 20 },
    );
  });

  it('stays shut, in the same words, when any one bit is another', async () => {
    const sealed = await seal('{"a":1}', { to: key.admitted, enc, replicated });
    const parts = sealed.split('.').map((part) => Buffer.from(part, 'base64url'));
    const bits = parts.flatMap((bytes, part) =>
      [...bytes.keys()].map((byte) => ({ part, byte, bit: byte % 8 })),
    );
    for (const { part, byte, bit } of bits) {
      const flipped = parts.map((bytes) => Buffer.from(bytes));
      const target = flipped[part];
      if (target !== undefined) target[byte] = (target[byte] ?? 0) ^ (1 << bit);
      const forged = flipped.map((bytes) => bytes.toString('base64url')).join('.');

      expect(await attempt(key, forged), `${part}/${byte}`).toBe(SHUT);
    }
  });

  it('opens with no other key, though it have the same kid', async () => {
    const { privateJwk } = await generateKey('enc', alg, {
      kid: key.kid,
      ...(crv === undefined ? {} : { crv }),
    });
    const other = await OpeningKey.import(privateJwk);
    const sealed = await seal('secret', { to: key.admitted, enc, replicated });

    expect(await attempt(other, sealed)).toBe(SHUT);
  });
});

/** A private JWK with the public members of another key. */
async function halves(
  alg: SealAlg,
  crv: 'P-256' | 'X25519' | undefined,
  members: readonly string[],
): Promise<Pick<GeneratedKey, 'privateJwk'>> {
  const options = crv === undefined ? {} : { crv };
  const one = await generateKey('enc', alg, options);
  const two = await generateKey('enc', alg, options);
  const other = Object.fromEntries(members.map((member) => [member, two.privateJwk[member]]));
  return { privateJwk: { ...one.privateJwk, ...other } };
}

describe('an opening key', () => {
  it('does not open what names another key, though it be sealed to this one', async () => {
    const key = await holder('ECDH-ES', 'X25519');
    const kid = 'other' as KeyId;
    const sealed = await seal('secret', { to: { ...key.admitted, kid }, replicated });

    expect(await attempt(key, sealed)).toBe(SHUT);
  });

  it.each(['=', '\n', ' '])('opens one spelling only: not with %j behind it', async (more) => {
    const key = await holder('ECDH-ES', 'X25519');
    const sealed = await seal('secret', { to: key.admitted, replicated });

    expect(await attempt(key, sealed + more)).toBe(SHUT);
  });

  it('does not open what has a member of the header that is unknown', async () => {
    const key = await holder('ECDH-ES', 'X25519');
    const { kid, alg, use: _use, ...material } = key.publicJwk;
    const sealed = await new CompactEncrypt(new TextEncoder().encode('secret'))
      .setProtectedHeader({ alg, kid, enc: 'A256GCM', cty: 'JWT', jku: 'x', ...replicated })
      .encrypt(await importJWK(material, alg));

    expect(await attempt(key, sealed)).toBe(SHUT);
  });

  it('does not open what is sealed with another algorithm of its key material', async () => {
    const made = await generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
    const direct = await OpeningKey.import(made.privateJwk);
    const wrapped = await OpeningKey.import({ ...made.privateJwk, alg: 'ECDH-ES+A256KW' });
    const sealed = await seal('secret', { to: wrapped.admitted, replicated });

    expect(await attempt(wrapped, sealed)).toBe('secret');
    expect(await attempt(direct, sealed)).toBe(SHUT);
  });

  it('does not open what is compressed, though it be sealed well', async () => {
    const key = await holder('ECDH-ES', 'X25519');
    const { kid, alg, use: _use, ...material } = key.publicJwk;
    const sealed = await new CompactEncrypt(new TextEncoder().encode('secret'))
      .setProtectedHeader({
        alg,
        kid,
        enc: 'A256GCM',
        cty: 'sealpost-message+jwt',
        zip: 'DEF',
        ...replicated,
      })
      .encrypt(await importJWK(material, alg));

    expect(await attempt(key, sealed)).toBe(SHUT);
  });

  it('does not open what is no text', async () => {
    const key = await holder('ECDH-ES', 'X25519');
    const { kid, alg, use: _use, ...material } = key.publicJwk;
    const sealed = await new CompactEncrypt(Uint8Array.of(0xff, 0xfe))
      .setProtectedHeader({ alg, kid, enc: 'A256GCM', cty: 'JWT', ...replicated })
      .encrypt(await importJWK(material, alg));

    expect(await attempt(key, sealed)).toBe(SHUT);
  });

  it.each([
    ['a signature key', () => generateKey('sig', 'ES256')],
    ['halves of two keys of X25519', () => halves('ECDH-ES', 'X25519', ['x'])],
    ['halves of two keys of P-256', () => halves('ECDH-ES', 'P-256', ['x', 'y'])],
    ['halves of two keys of RSA', () => halves('RSA-OAEP-256', undefined, ['n'])],
    ['a public key', async () => ({ privateJwk: (await generateKey('enc', 'ECDH-ES')).publicJwk })],
  ])('is not made of %s', async (_what, make) => {
    const { privateJwk } = await make();

    await expect(OpeningKey.import(privateJwk)).rejects.toMatchObject({ code: 'key_rejected' });
  });
});

it('seals to no signature key', async () => {
  const { publicJwk, jkt } = await generateKey('sig', 'ES256');
  const { kid, use, alg } = publicJwk;

  await expect(
    seal('secret', { to: { kid, use, alg, jkt, jwk: publicJwk }, replicated }),
  ).rejects.toMatchObject({ code: 'key_rejected' });
});

const VECTORS = resolve(process.cwd(), '../shared/vectors/jose-cookbook');
const present = existsSync(VECTORS);

describe.skipIf(!present)(
  `the examples of RFC 7520${present ? '' : ` (skipped: no test vectors in ${VECTORS})`}`,
  () => {
    // None names its kind in `cty` or uses an algorithm of ours throughout; most fail for several reasons.
    it.each([
      ['5.1', '5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json'],
      ['5.2', '5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json'],
      ['5.3', '5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json'],
      [
        '5.4',
        '5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json',
      ],
      ['5.5', '5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json'],
      ['5.6', '5_6.direct_encryption_using_aes-gcm.json'],
      ['5.7', '5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json'],
      ['5.8', '5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json'],
      ['5.9', '5_9.compressed_content.json'],
      ['RFC 8037 A.6', 'curve25519/ecdh-es.json'],
    ])('%s is refused by its header alone', (_section, file) => {
      const path = resolve(VECTORS, file.includes('/') ? file : `jwe/${file}`);
      const { output } = JSON.parse(readFileSync(path, 'utf8')) as { output: { compact: string } };

      expect(() => parseSealed(output.compact)).toThrow(/not allowed/);
    });
  },
);
