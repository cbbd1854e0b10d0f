import { describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { jtiOf, readClaims } from './read-claims.js';

const VALID = {
  iss: 'acme',
  aud: 'globex',
  via: 'https://exchange.example',
  jti: 'inv-1',
  iat: 1_800_000_000,
  exp: 1_800_000_600,
  type: 'invoice.created',
  data: { n: 1 },
};

function refusal(changed: Record<string, unknown>): string {
  const payload = Object.fromEntries(
    Object.entries<unknown>({ ...VALID, ...changed }).filter(([, value]) => value !== ABSENT),
  );
  try {
    readClaims(payload);
    return 'read';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return `${error.code} ${error.detail}`;
  }
}

const ABSENT = Symbol('absent');
const NO_TEXT: readonly unknown[] = [ABSENT, undefined, null, '', 1, true, {}, [], ['acme']];
const NO_SECONDS: readonly unknown[] = [
  undefined,
  null,
  '1',
  true,
  [],
  1.5,
  -1,
  -0,
  Number.NaN,
  Infinity,
  2 ** 53,
  253_402_300_800,
];

const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  iss: [...NO_TEXT, 'Acme', 'acme-', '-acme', 'a b', 'a'.repeat(64), 'acmé'],
  aud: [...NO_TEXT, 'Globex', ['globex'], 'globex.', 'https://globex.example'],
  via: [...NO_TEXT, 'x'.repeat(2049)],
  jti: [...NO_TEXT, ' ', 'a b', 'é', '\u007f', '\n', 'j'.repeat(256)],
  iat: [ABSENT, ...NO_SECONDS],
  exp: [ABSENT, ...NO_SECONDS],
  nbf: NO_SECONDS,
  type: [...NO_TEXT, 'a b', 'é', 't'.repeat(256)],
  sealed: [null, 1, {}, ''],
  txn: [undefined, null, '', 1, 'a\r\nb', 'x'.repeat(256)],
  ordering_key: [undefined, null, '', 1, ' ', 'x'.repeat(256)],
  reply_to: [
    undefined,
    null,
    'x',
    [],
    {},
    { iss: 'acme' },
    { jti: 'x' },
    { iss: 'A', jti: 'x' },
    { iss: 'acme', jti: '' },
    { iss: 'acme', jti: 1 },
  ],
};

describe('readClaims', () => {
  it('reads every claim by its type, and carries none that it does not know', () => {
    const all = {
      ...VALID,
      nbf: 1_800_000_000,
      txn: 't',
      reply_to: { iss: 'globex', jti: 'x', more: 1 },
      ordering_key: 'o',
      sub: 'unknown',
    };

    expect(readClaims(all)).toEqual({
      ...VALID,
      nbf: 1_800_000_000,
      txn: 't',
      reply_to: { iss: 'globex', jti: 'x' },
      ordering_key: 'o',
    });
  });

  it('reads sealed content in place of data', () => {
    const { data: _data, ...others } = VALID;
    expect(readClaims({ ...others, sealed: 'a.b.c.d.e' })).toMatchObject({ sealed: 'a.b.c.d.e' });
  });

  it.each(
    Object.entries(WRONG).flatMap(([claim, values]) =>
      values.map((value) => ({
        claim,
        value,
        shown: (JSON.stringify(value) ?? 'absent').slice(0, 30),
      })),
    ),
  )('refuses $claim: $shown, and names it', ({ claim, value }) => {
    const data = claim === 'sealed' ? { data: ABSENT } : {};
    expect(refusal({ ...data, [claim]: value })).toBe(`claims_invalid ${claim}`);
  });

  it.each([
    ['jti of 255 characters', { jti: '~'.repeat(255) }],
    ['an id of one character', { iss: 'a' }],
    ['an id of 63 characters', { aud: 'a'.repeat(63) }],
    ['a type of 255 characters', { type: 't'.repeat(255) }],
    ['the last second of the year 9999', { exp: 253_402_300_799 }],
    ['second zero', { iat: 0 }],
    ['data null', { data: null }],
    ['data false', { data: false }],
  ])('reads %s', (_what, changed) => {
    expect(refusal(changed)).toBe('read');
  });

  it('refuses both data and sealed, and neither', () => {
    const both = 'claims_invalid exactly one of data and sealed';
    expect(refusal({ sealed: 'a.b.c.d.e' })).toBe(both);
    expect(refusal({ data: ABSENT })).toBe(both);
  });

  it('reads own members only', () => {
    const inherited = Object.create({ data: 1, nbf: 'x' }) as Record<string, unknown>;
    const { data: _data, ...others } = VALID;
    expect(() => readClaims(Object.assign(inherited, others))).toThrow(Refused);
  });
});

describe('jtiOf', () => {
  it('is the jti where there is one, and undefined where it is none', () => {
    expect(jtiOf({ jti: 'a' })).toBe('a');
    for (const jti of [undefined, null, 1, '', ' ', 'j'.repeat(256), ['a']])
      expect(jtiOf({ jti })).toBeUndefined();
  });
});
