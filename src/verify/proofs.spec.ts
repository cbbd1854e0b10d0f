import { beforeAll, describe, expect, it } from 'vitest';
import { generateKey, SigningKey, VerificationKey } from '../crypto/index.js';
import { isKeyId, type KeyId, type PartnerId, partnerId, Refused, TYP } from '../envelope/index.js';
import { type ExpectedProof, peekProof, verifyProof } from './proofs.js';

const NOW = new Date('2030-01-01T00:00:00Z');
const AT = NOW.getTime() / 1000;
const ISSUER = 'https://exchange.example';
const ACME: PartnerId = partnerId('acme', 'id');

function kidOf(text: string): KeyId {
  if (!isKeyId(text)) throw new Error(text);
  return text;
}

async function makeKey(kid: string): Promise<{ signing: SigningKey; key: VerificationKey }> {
  const made = await generateKey('sig', 'Ed25519', { kid: kidOf(kid) });
  return {
    signing: await SigningKey.import(made.privateJwk),
    key: await VerificationKey.import(made.publicJwk, made.jkt),
  };
}

describe('verifyProof', () => {
  let acme: Awaited<ReturnType<typeof makeKey>>;
  let other: Awaited<ReturnType<typeof makeKey>>;

  beforeAll(async () => {
    acme = await makeKey('acme-1');
    other = await makeKey('acme-1');
  });

  const claims = (): Record<string, unknown> => ({
    iss: ACME,
    sub: ACME,
    aud: ISSUER,
    iat: AT,
    exp: AT + 300,
    jti: 'p-1',
    jkt: acme.signing.jkt,
    kid: 'acme-1',
  });
  const expected = (): ExpectedProof => ({
    typ: TYP.keyProof,
    key: acme.key,
    iss: ACME,
    sub: ACME,
    aud: ISSUER,
    jkt: acme.signing.jkt,
    kid: acme.signing.kid,
    now: NOW,
  });
  const sign = (changed: Record<string, unknown> = {}, typ: string = TYP.keyProof) =>
    acme.signing.sign(typ, { ...claims(), ...changed });
  const refusal = async (
    token: unknown,
    changed: Partial<ExpectedProof> = {},
  ): Promise<Partial<Refused>> => {
    const fault: unknown = await verifyProof(token, { ...expected(), ...changed }).catch(
      (error: unknown) => error,
    );
    if (!(fault instanceof Refused)) throw new Error('was not refused', { cause: fault });
    return { code: fault.code, detail: fault.detail ?? '' };
  };

  it('gives what has to be remembered of a proof that holds', async () => {
    expect(await verifyProof(await sign(), expected())).toEqual({
      jti: 'p-1',
      exp: new Date((AT + 300) * 1000),
    });
  });

  it('lets clocks differ by a minute', async () => {
    const ahead = { iat: AT + 60, nbf: AT + 60, exp: AT + 660 };
    await expect(verifyProof(await sign(ahead), expected())).resolves.toBeDefined();
    await expect(verifyProof(await sign({ exp: AT - 59 }), expected())).resolves.toBeDefined();
  });

  it('carries claims that it does not know', async () => {
    await expect(verifyProof(await sign({ hello: 1 }), expected())).resolves.toBeDefined();
  });

  it.each([
    ['iss', 'globex'],
    ['iss', undefined],
    ['iss', ['acme']],
    ['sub', 'globex'],
    ['sub', undefined],
    ['aud', 'https://staging.example'],
    ['aud', `${ISSUER}/`],
    ['aud', [ISSUER]],
    ['aud', undefined],
    ['iat', undefined],
    ['iat', AT + 61],
    ['iat', AT + 0.5],
    ['iat', String(AT)],
    ['iat', -1],
    ['nbf', AT + 61],
    ['nbf', null],
    ['nbf', '0'],
    ['exp', undefined],
    ['exp', AT - 60],
    ['exp', AT + 661],
    ['exp', String(AT + 300)],
    ['exp', null],
    ['jti', undefined],
    ['jti', ''],
    ['jti', 'x'.repeat(256)],
    ['jti', 'line\nbreak'],
    ['jti', 'é'],
    ['jti', 7],
    ['jkt', undefined],
    ['jkt', 'another'],
    ['kid', undefined],
    ['kid', 'acme-2'],
  ])('refuses a wrong %s: %j', async (claim, value) => {
    expect(await refusal(await sign({ [claim]: value }))).toEqual({
      code: 'proof_invalid',
      detail: claim,
    });
  });

  it('takes for client assertions an array of one audience, no iat and no typ', async () => {
    const options = {
      typ: TYP.clientAuthentication,
      audMayBeArray: true,
      iatOptional: true,
      optionalTyp: true,
    };
    const assertion = await sign({ aud: [ISSUER], iat: undefined }, 'JWT');

    await expect(verifyProof(assertion, { ...expected(), ...options })).resolves.toBeDefined();
    for (const aud of [[ISSUER, ISSUER], [ISSUER, 'x'], [], [[ISSUER]]]) {
      expect(await refusal(await sign({ aud }, 'JWT'), options)).toMatchObject({ detail: 'aud' });
    }
    expect(await refusal(await sign({ iat: 'x' }, 'JWT'), options)).toMatchObject({
      detail: 'iat',
    });
  });

  it('does not look at the key that is spoken of where none is', async () => {
    const { jkt: _jkt, kid: _kid, ...rest } = expected();
    const token = await sign({ jkt: undefined, kid: undefined });
    await expect(verifyProof(token, rest)).resolves.toBeDefined();
  });

  it('refuses the signature of another key that has the same kid', async () => {
    const forged = await other.signing.sign(TYP.keyProof, claims());
    expect(await refusal(forged)).toEqual({ code: 'proof_invalid', detail: 'signature_invalid' });
  });

  it('refuses a payload that was changed after it was signed', async () => {
    const [header, , signature] = (await sign()).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims(), jti: 'p-2' })).toString('base64url');
    expect(await refusal(`${header}.${payload}.${signature}`)).toMatchObject({
      code: 'proof_invalid',
    });
  });

  it('takes no kind for another', async () => {
    for (const typ of [TYP.keyStatement, TYP.envelope, 'JWT', TYP.keyProof.toUpperCase()]) {
      expect(await refusal(await sign({}, typ))).toEqual({ code: 'proof_invalid', detail: 'typ' });
    }
  });

  it('refuses as proof_invalid whatever the token itself is', async () => {
    const none = Buffer.from(JSON.stringify({ typ: TYP.keyProof, alg: 'none', kid: 'acme-1' }));
    for (const token of [
      undefined,
      null,
      {},
      '',
      'a.b.c',
      `${none.toString('base64url')}.e30.`,
      'x'.repeat(16_385),
    ]) {
      expect(await refusal(token)).toMatchObject({ code: 'proof_invalid' });
    }
  });

  it('peeks at the key that a proof names', async () => {
    expect(peekProof(await sign(), { typ: TYP.keyProof }).header.kid).toBe('acme-1');
    expect(() => peekProof('a.b', { typ: TYP.keyProof })).toThrow(Refused);
  });
});
