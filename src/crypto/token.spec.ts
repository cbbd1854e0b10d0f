import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { parseToken, type ParseOptions } from './token.js';

const TYP = 'sealpost-envelope+jwt';
const OPTIONS = { typ: TYP, maxBytes: 1024 * 1024 };

function encode(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

function token(header: unknown, payload: unknown = { iss: 'acme' }, signature = 'AAAA'): string {
  return `${encode(header)}.${encode(payload)}.${signature}`;
}

const GOOD = { typ: TYP, alg: 'ES256', kid: 'k1' };

function codeOf(input: unknown, options: ParseOptions = OPTIONS): string {
  try {
    parseToken(input, options);
    return 'taken';
  } catch (error) {
    return error instanceof Refused ? error.code : `threw ${String(error)}`;
  }
}

describe('a token at the door', () => {
  it('is taken apart without being believed', () => {
    const parsed = parseToken(token(GOOD), OPTIONS);

    expect(parsed.header).toEqual(GOOD);
    expect(parsed.payload).toEqual({ iss: 'acme' });
    expect(Buffer.from(parsed.payloadBytes).toString()).toBe('{"iss":"acme"}');
  });

  it.each<[string, unknown]>([
    ['not a string', { payload: 'x' }],
    ['null', null],
    ['empty', ''],
    ['only dots', '..'],
    ['two segments', `${encode(GOOD)}.e30`],
    ['five segments', `${token(GOOD)}.AAAA.AAAA`],
    ['no header', `.${encode({})}.AAAA`],
    ['no payload', `${encode(GOOD)}..AAAA`],
    ['no signature', `${encode(GOOD)}.${encode({})}.`],
    ['a final newline', `${token(GOOD)}\n`],
    ['a final carriage return', `${token(GOOD)}\r\n`],
    ['a leading space', ` ${token(GOOD)}`],
    ['a scheme before it', `Bearer ${token(GOOD)}`],
    ['quotes around it', `"${token(GOOD)}"`],
    ['a BOM before it', `\uFEFF${token(GOOD)}`],
    ['a space in the signature', token(GOOD, {}, 'AA AA')],
    ['padding', token(GOOD, {}, 'AA==')],
    ['the standard alphabet', token(GOOD, {}, 'A+/A')],
    ['loose bits in the signature', token(GOOD, {}, 'AB')],
    ['loose bits in the payload', `${encode(GOOD)}.${encode('{"a":10}').slice(0, -1)}B.AAAA`],
    ['an impossible length', token(GOOD, {}, 'AAAAA')],
    ['a NUL in a segment', token(GOOD, {}, 'AA\u0000A')],
    ['full-width dots', token(GOOD).replaceAll('.', '\uFF0E')],
    ['JSON serialization', JSON.stringify({ payload: encode({}), signatures: [] })],
    ['a header that is no JSON', token('hello')],
    ['a header that is an array', token('[]')],
    ['a header that is a string', token('"x"')],
    ['a header that is null', token('null')],
    ['a header in UTF-16', `${Buffer.from('{}', 'utf16le').toString('base64url')}.e30.AAAA`],
    ['a NUL in alg', token({ ...GOOD, alg: 'ES256\u0000' })],
    ['a deep header', token(`{"typ":${'['.repeat(5000)}`)],
    ['a huge header', token({ ...GOOD, kid: 'k'.repeat(64 * 1024) })],
    ['a kid of 129 characters', token({ ...GOOD, kid: 'k'.repeat(129) })],
    ['a kid that is a number', token({ ...GOOD, kid: 1 })],
    ['a kid that is null', token({ ...GOOD, kid: null })],
    ['a kid that is an array', token({ ...GOOD, kid: ['k1'] })],
    ['a payload that is no JSON', token(GOOD, 'hello')],
    ['a payload with a BOM', token(GOOD, '\uFEFF{}')],
    [
      'a payload that is not UTF-8',
      `${encode(GOOD)}.${Buffer.of(0x22, 0xc0, 0xaf, 0x22).toString('base64url')}.AAAA`,
    ],
    ['a payload 100,000 deep', token(GOOD, '['.repeat(100_000))],
  ])('is malformed: %s', (_what, input) => {
    expect(codeOf(input)).toBe('envelope_malformed');
  });

  it.each<[string, unknown]>([
    ['no typ', { alg: 'ES256', kid: 'k1' }],
    ['typ JWT', { ...GOOD, typ: 'JWT' }],
    ['typ of another kind', { ...GOOD, typ: 'sealpost-receipt+jwt' }],
    ['typ in other case', { ...GOOD, typ: TYP.toUpperCase() }],
    ['typ with application/', { ...GOOD, typ: `application/${TYP}` }],
    ['typ with a space', { ...GOOD, typ: ` ${TYP}` }],
    ['typ that is an array', { ...GOOD, typ: [TYP] }],
    ['two algs', '{"alg":"none","alg":"ES256","kid":"k1","typ":"sealpost-envelope+jwt"}'],
    ['two kids, one escaped', `{"kid":"a","\\u006bid":"b","alg":"ES256","typ":"${TYP}"}`],
    ['__proto__', `{"__proto__":{},"alg":"ES256","kid":"k","typ":"${TYP}"}`],
    ...[
      'crit',
      'b64',
      'jwk',
      'jku',
      'x5u',
      'x5c',
      'x5t',
      'cty',
      'zip',
      'enc',
      'iss',
      'x-admin',
    ].map((member): [string, unknown] => [
      member,
      { ...GOOD, [member]: member === 'b64' ? false : 'x' },
    ]),
    ['an empty crit', { ...GOOD, crit: [] }],
    ['a long crit', { ...GOOD, crit: Array.from({ length: 2000 }, (_, i) => `n${i}`) }],
  ])('has a header that is not allowed: %s', (_what, header) => {
    expect(codeOf(token(header))).toBe('header_not_allowed');
  });

  const NAMES =
    'none None nOnE HS256 RS512 PS384 ES384 ES512 ES256K Ed448 es256 ECDH-ES constructor';

  it.each([
    ...NAMES.split(' ').map((alg) => ({ alg })),
    { alg: ' ES256' },
    { alg: '' },
    { alg: undefined },
    { alg: null },
    { alg: 1 },
    { alg: ['ES256'] },
    { alg: {} },
  ])('has an alg that is not allowed: %j', ({ alg }) => {
    expect(codeOf(token({ ...GOOD, alg }))).toBe('alg_not_allowed');
  });

  it('is answered as unsigned, not as malformed, when it says none and has no signature', () => {
    expect(codeOf(token({ ...GOOD, alg: 'none' }, {}, ''))).toBe('alg_not_allowed');
  });

  it.each([
    undefined,
    '',
    '../../../../dev/null',
    "' OR '1'='1",
    '$where',
    'a:b:c',
    '*',
    '%',
    'k1 ',
    'k\u0430',
    'k1\u200d',
  ])('names a key that nobody can have: %j', (kid) => {
    expect(codeOf(token({ ...GOOD, kid }))).toBe('key_unknown');
  });

  it.each([
    '{"iss":"a","iss":"b"}',
    '{"iss":"a","\\u0069ss":"b"}',
    '{"__proto__":1}',
    '{"exp":1e400}',
    '{"jti":"\\u0000"}',
    '{"jti":"\\ud800"}',
    '[]',
    '"x"',
    'null',
    '1',
    'true',
  ])('has claims that are not valid: %j', (payload) => {
    expect(codeOf(token(GOOD, payload))).toBe('claims_invalid');
  });

  it('is too large above the limit and looked at on it', () => {
    const text = token(GOOD);

    expect(codeOf(text, { typ: TYP, maxBytes: text.length })).toBe('taken');
    expect(codeOf(text, { typ: TYP, maxBytes: text.length - 1 })).toBe('too_large');
    expect(codeOf('x'.repeat(2 * 1024 * 1024))).toBe('too_large');
  });

  it('may leave out its typ only where that is said', () => {
    const options = { ...OPTIONS, typ: ['client-authentication+jwt'], optionalTyp: true };
    const untyped = { alg: 'ES256', kid: 'k1' };

    expect(parseToken(token(untyped), options).header.typ).toBe('JWT');
    expect(parseToken(token({ ...untyped, typ: 'JWT' }), options).header.typ).toBe('JWT');
    expect(codeOf(token({ ...untyped, typ: 'client-authentication+jwt' }), options)).toBe('taken');
    expect(codeOf(token(GOOD), options)).toBe('header_not_allowed');
  });

  it('never makes the parser throw anything but Refused', () => {
    const part = fc.oneof(fc.json(), fc.string(), fc.constant(JSON.stringify(GOOD)));
    const parts = fc
      .tuple(part, part, fc.base64String())
      .map(([h, p, s]) => `${encode(h)}.${encode(p)}.${s}`);
    const anything = fc.anything({ withBigInt: true, withNullPrototype: true });
    fc.assert(
      fc.property(fc.oneof(parts, anything, fc.string()), (input) => {
        expect(codeOf(input)).not.toMatch(/^threw/);
      }),
      { seed: 3, numRuns: 2000 },
    );
  });

  it('says nothing of what is in it when it is refused', () => {
    const secret = 'topsecretcanary';
    const tokens = [
      token({ ...GOOD, [secret]: 1 }),
      token({ ...GOOD, typ: secret }),
      token({ ...GOOD, alg: secret }),
      token({ ...GOOD, kid: `${secret}!` }),
      token(GOOD, `{"${secret}":1,"${secret}":2}`),
    ];
    for (const text of tokens) {
      expect(() => parseToken(text, OPTIONS)).toThrow(Refused);
      expect(() => parseToken(text, OPTIONS)).not.toThrow(new RegExp(secret));
    }
  });
});
