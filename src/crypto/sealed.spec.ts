import { CompactEncrypt, importJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import type { ContentEnc, SealAlg } from './algorithms.js';
import { generateKey, type GeneratedKey } from './generate-key.js';
import { parseSealed } from './sealed.js';

const KEYS: readonly (readonly [SealAlg, 'P-256' | 'X25519' | undefined])[] = [
  ['ECDH-ES', 'P-256'],
  ['ECDH-ES', 'X25519'],
  ['ECDH-ES+A256KW', 'P-256'],
  ['ECDH-ES+A256KW', 'X25519'],
  ['RSA-OAEP-256', undefined],
];
const ENCS: readonly ContentEnc[] = ['A256GCM', 'A256CBC-HS512'];

async function seal({ publicJwk }: GeneratedKey, enc: ContentEnc): Promise<string> {
  const { kid, alg, use: _use, ...material } = publicJwk;
  return new CompactEncrypt(new TextEncoder().encode('secret'))
    .setProtectedHeader({
      alg,
      enc,
      kid,
      cty: 'sealpost-message+jwt',
      iss: 'acme',
      aud: 'globex',
      jti: 'm-1',
    })
    .encrypt(await importJWK(material, alg));
}

function refusal(sealed: string): string {
  try {
    parseSealed(sealed);
    return 'read';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return `${error.code} ${error.detail}`;
  }
}

describe('parseSealed', () => {
  let key: GeneratedKey;
  let valid: string;

  beforeAll(async () => {
    key = await generateKey('enc', 'ECDH-ES+A256KW', { crv: 'X25519' });
    valid = await seal(key, 'A256GCM');
  });

  const withHeader = (change: Record<string, unknown> | string): string => {
    const [header = '', ...rest] = valid.split('.');
    const members = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
    const text = typeof change === 'string' ? change : JSON.stringify({ ...members, ...change });
    return [Buffer.from(text).toString('base64url'), ...rest].join('.');
  };
  const withPart = (at: number, part: string): string =>
    valid
      .split('.')
      .map((old, i) => (i === at ? part : old))
      .join('.');

  it.each(KEYS.flatMap(([alg, crv]) => ENCS.map((enc) => ({ alg, crv, enc }))))(
    'reads what shows of content sealed by $alg on $crv with $enc',
    async ({ alg, crv, enc }) => {
      const made = await generateKey('enc', alg, crv === undefined ? {} : { crv });
      expect(parseSealed(await seal(made, enc))).toEqual({
        alg,
        enc,
        kid: made.publicJwk.kid,
        crv,
        iss: 'acme',
        aud: 'globex',
        jti: 'm-1',
      });
    },
  );

  it.each([
    ['four parts', () => valid.split('.').slice(0, 4).join('.')],
    ['six parts', () => `${valid}.AAAA`],
    ['text', () => 'sealed'],
    ['nothing', () => ''],
    ['a header that is none', () => withPart(0, '')],
    ['padding', () => `${valid}=`],
    ['a newline', () => `${valid}\n`],
    ['no encrypted key', () => withPart(1, '')],
    ['no iv', () => withPart(2, '')],
    ['an iv of 16 bytes', () => withPart(2, 'A'.repeat(22))],
    ['no ciphertext', () => withPart(3, '')],
    ['no tag', () => withPart(4, '')],
    ['a tag of 12 bytes', () => withPart(4, 'A'.repeat(16))],
    ['a header that is no object', () => withHeader('[]')],
    ['a header that is no JSON', () => withHeader('{')],
    ['an encrypted key where there is none', () => withHeader({ alg: 'ECDH-ES' })],
    ['the sizes of another enc', () => withHeader({ enc: 'A256CBC-HS512' })],
  ])('refuses %s as malformed', (_what, make) => {
    expect(refusal(make())).toMatch(/^envelope_malformed /);
  });

  it.each([
    'RSA1_5',
    'RSA-OAEP',
    'dir',
    'A256KW',
    'PBES2-HS512+A256KW',
    'none',
    'ES256',
    '__proto__',
    null,
    1,
    undefined,
  ])('refuses alg %s', (alg) => {
    expect(refusal(withHeader({ alg }))).toBe('alg_not_allowed sealed.alg');
  });

  it.each(['A128GCM', 'A128CBC-HS256', 'constructor', null, 1, undefined])(
    'refuses enc %s',
    (enc) => {
      expect(refusal(withHeader({ enc }))).toBe('alg_not_allowed sealed.enc');
    },
  );

  it.each(['zip', 'crit', 'jwk', 'jku', 'x5u', 'x5c', 'p2c', 'p2s', 'b64', 'x'])(
    'refuses the member %s',
    (member) => {
      expect(refusal(withHeader({ [member]: 1 }))).toBe('header_not_allowed a member of sealed');
    },
  );

  it('refuses a member that comes twice, and one that is none', () => {
    expect(refusal(withHeader('{"kid":"a","kid":"b"}'))).toMatch(/^header_not_allowed duplicate/);
    expect(refusal(withHeader('{"__proto__":1}'))).toMatch(/^header_not_allowed member/);
  });

  it.each([
    ['kid', undefined],
    ['kid', 1],
    ['kid', 'a b'],
    ['cty', undefined],
    ['cty', 'text/plain'],
    ['epk', undefined],
    ['epk', 'x'],
    ['epk', {}],
    ['epk', { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) }],
    ['epk', { kty: 'OKP', crv: 'X25519', x: 'CQ' }],
    ['epk', { kty: 'OKP', crv: 'Ed25519', x: `C${'Q'.repeat(41)}k` }],
    ['epk', { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) }],
    ['epk', { kty: 'EC', crv: 'P-521', x: 'AQ', y: 'AQ' }],
  ])('refuses %s %j', (member, value) => {
    expect(refusal(withHeader({ [member]: value }))).toBe(`header_not_allowed sealed.${member}`);
  });

  it('refuses an ephemeral key with its private half, and any with RSA', async () => {
    const [header = ''] = valid.split('.');
    const { epk } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { epk: object };
    expect(refusal(withHeader({ epk }))).toBe('read');
    expect(refusal(withHeader({ epk: { ...epk, d: 'AQ' } }))).toBe('header_not_allowed sealed.epk');
    expect(refusal(withHeader({ alg: 'RSA-OAEP-256' }))).toBe('header_not_allowed sealed.epk');
  });
});
