import { beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { SIGN_ALGS } from './algorithms.js';
import { generateKey } from './generate-key.js';
import { SigningKey } from './signing-key.js';
import { parseToken, type ParsedToken } from './token.js';
import { VerificationKey, verifySignature } from './verification-key.js';

const TYP = 'sealpost-envelope+jwt';
const OPTIONS = { typ: TYP, maxBytes: 1024 * 1024 };

async function refusalOf(parsed: ParsedToken, key: VerificationKey): Promise<string> {
  return verifySignature(parsed, key).then(
    () => 'verified',
    (error: unknown) => (error instanceof Refused ? error.code : `threw ${String(error)}`),
  );
}

describe('a signature', () => {
  let es256: SigningKey;
  let key: VerificationKey;
  let signed: string;

  beforeAll(async () => {
    es256 = await SigningKey.import((await generateKey('sig', 'ES256')).privateJwk);
    key = await VerificationKey.import(es256.publicJwk, es256.jkt);
    signed = await es256.sign(TYP, { iss: 'acme' });
  });

  it.each(SIGN_ALGS)('by %s verifies with its own key and with no other', async (alg) => {
    const [mine, other] = [await generateKey('sig', alg), await generateKey('sig', alg)];
    const signer = await SigningKey.import(mine.privateJwk);
    const parsed = parseToken(await signer.sign(TYP, '{"b":1, "a":2}'), OPTIONS);

    const own = await VerificationKey.import(mine.publicJwk, mine.jkt);
    const foreign = await VerificationKey.import(other.publicJwk, other.jkt);

    expect(Buffer.from(parsed.payloadBytes).toString()).toBe('{"b":1, "a":2}');
    expect(parsed.header).toEqual({ typ: TYP, alg, kid: mine.jkt });
    expect(await refusalOf(parsed, own)).toBe('verified');
    expect(await refusalOf(parsed, foreign)).toBe('signature_invalid');
  });

  it('does not hold once any bit of header, payload or signature is flipped', async () => {
    const [header = '', payload = '', signature = ''] = signed.split('.');
    const segments = [header, payload, signature];
    for (const [index, segment] of segments.entries()) {
      const bytes = Buffer.from(segment, 'base64url');
      for (let at = 0; at < bytes.length; at += 7) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ 1;
        const text = segments.with(index, flipped.toString('base64url')).join('.');
        expect(await answerTo(text)).not.toBe('verified');
      }
    }
  });

  async function answerTo(text: string): Promise<string> {
    try {
      return await refusalOf(parseToken(text, OPTIONS), key);
    } catch (error) {
      return error instanceof Refused ? error.code : `threw ${String(error)}`;
    }
  }

  it('in DER, of another length, or of edge values does not hold', async () => {
    const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    const zero = '00'.repeat(32);
    const signatures = [
      zero + zero,
      zero + n,
      n + zero,
      n + n,
      '3006020101020101',
      'ab'.repeat(63),
    ];
    for (const hex of signatures) {
      const parsed = parseToken(
        [...signed.split('.').slice(0, 2), Buffer.from(hex, 'hex').toString('base64url')].join('.'),
        OPTIONS,
      );
      expect(await refusalOf(parsed, key)).toBe('signature_invalid');
    }
  });

  it('of RS256 does not hold for the same RSA key registered as PS256, nor the reverse', async () => {
    const { privateJwk } = await generateKey('sig', 'PS256');
    const asPs256 = await SigningKey.import(privateJwk);
    const asRs256 = await SigningKey.import({ ...privateJwk, alg: 'RS256' });
    expect(asPs256.jkt).toBe(asRs256.jkt);

    const keyPs256 = await VerificationKey.import(asPs256.publicJwk, asPs256.jkt);
    const keyRs256 = await VerificationKey.import(asRs256.publicJwk, asRs256.jkt);
    const rs256 = parseToken(await asRs256.sign(TYP, {}), OPTIONS);
    const ps256 = parseToken(await asPs256.sign(TYP, {}), OPTIONS);

    expect(await refusalOf(rs256, keyPs256)).toBe('alg_not_allowed');
    expect(await refusalOf(ps256, keyRs256)).toBe('alg_not_allowed');
    expect(await refusalOf(ps256, keyPs256)).toBe('verified');
  });

  it('of EdDSA and Ed25519 is one and the same for an Ed25519 key', async () => {
    const { privateJwk } = await generateKey('sig', 'Ed25519');
    const renamed = await SigningKey.import({ ...privateJwk, alg: 'EdDSA' });
    const original = await SigningKey.import(privateJwk);
    const verifier = await VerificationKey.import(original.publicJwk, original.jkt);

    expect(await refusalOf(parseToken(await renamed.sign(TYP, {}), OPTIONS), verifier)).toBe(
      'verified',
    );
  });

  it('is looked at with a key that was imported once per thumbprint and alg', async () => {
    expect(await VerificationKey.import({ ...es256.publicJwk }, es256.jkt)).toBe(key);
  });

  it('is never looked at with an encryption key or under another thumbprint', async () => {
    const enc = await generateKey('enc', 'ECDH-ES');
    const other = await generateKey('sig', 'ES256');

    await expect(VerificationKey.import(enc.publicJwk, enc.jkt)).rejects.toMatchObject({
      code: 'key_rejected',
    });
    const wrong = { ...other.publicJwk };
    const third = await generateKey('sig', 'ES256');
    await expect(VerificationKey.import(wrong, third.jkt)).rejects.toMatchObject({
      code: 'key_rejected',
    });
  });
});
