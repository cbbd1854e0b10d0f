import { TYP } from '../../src/envelope/index.js';
import { base64url, encKeyOf, publicOf, seconds, strangersKey } from './forge.js';
import {
  type Attack,
  der,
  each,
  edgeSignatures,
  hmacToken,
  line,
  loose,
  OTHER_KINDS,
  paddable,
  resigned,
  sealedHeader,
  sealedParts,
  sealedWith,
  secretsOf,
  segments,
  signedOver,
} from './hostile.js';

const MAL = 'envelope_malformed';
const HDR = 'header_not_allowed';
const ALG = 'alg_not_allowed';
const KEY = 'key_unknown';
const SIG = 'signature_invalid';

type Make = Attack['make'];

// ---------------------------------------------------------------- A

const withHeaderText =
  (text: string | Uint8Array): Make =>
  (forge, jti) =>
    forge.token(jti, { headerText: text });
const withPayloadText =
  (text: string | Uint8Array): Make =>
  (forge, jti) =>
    forge.token(jti, { payloadText: text });
const around =
  (before: string, after: string): Make =>
  async (forge, jti) =>
    `${before}${await forge.token(jti)}${after}`;

/** Puts text into the middle of one segment, after signing. */
function inSegment(index: number, text: string): Make {
  return async (forge, jti) => {
    const parts: string[] = await segments(forge.token(jti));
    parts[index] = `${parts[index]?.slice(0, 10)}${text}${parts[index]?.slice(10)}`;
    return Buffer.from(parts.join('.'), 'utf8');
  };
}

/** The same, but signed over the dirty text. */
function inSignedSegment(index: 0 | 1, text: string): Make {
  return async (forge, jti) => {
    const [header, payload] = await segments(forge.token(jti));
    const dirty = [header, payload].map((part, i) =>
      i === index ? `${part.slice(0, 10)}${text}${part.slice(10)}` : part,
    );
    return signedOver(forge, dirty[0] ?? '', dirty[1] ?? '');
  };
}

const WHITESPACE = [' ', '\t', '\r', '\n', '\f', '\r\n'];
const BAD_CHARACTERS = ['?', '#', '!', '%2B', '\0', '\u200b', '=', '==', '*', '~', ','];
const jsonForms: Record<string, Make> = {
  flattened: async (forge, jti) => {
    const [header, payload, signature] = await segments(forge.token(jti));
    return JSON.stringify({ protected: header, payload, signature });
  },
  general: async (forge, jti) => {
    const [header, payload, signature] = await segments(forge.token(jti));
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
  },
  polyglot: async (forge, jti) => {
    const token = await forge.token(jti);
    const [header, payload, signature] = await segments(token);
    return `{"protected":"${header}","payload":"${payload}","signature":"${signature}","x":".${token}."}`;
  },
};

const deep = (open: string, close: string, inner = '1'): string =>
  open.repeat(100_000) + inner + close.repeat(100_000);

export const ENCODING: readonly Attack[] = [
  ...line(1, MAL, {
    'a trailing newline': around('', '\n'),
    'a trailing CR LF': around('', '\r\n'),
  }),
  ...line(
    2,
    MAL,
    each(WHITESPACE, (text) => inSegment(2, text), 'in the signature '),
  ),
  ...line(3, MAL, {
    ...each(WHITESPACE, (text) => inSignedSegment(0, text), 'signed, in the header '),
    ...each(WHITESPACE, (text) => inSignedSegment(1, text), 'signed, in the payload '),
  }),
  ...line(
    5,
    MAL,
    each(
      Array.from({ length: 15 }, (_, i) => i + 1),
      (bits): Make =>
        (forge, jti) =>
          resigned(forge.token(jti), (_bytes, segment) => loose(segment, bits)),
      'loose bits ',
    ),
  ),
  ...line(
    5,
    MAL,
    { 'loose bits in ES256': (f, jti) => resigned(f.token(jti), (_b, s) => loose(s)) },
    'es256',
  ),
  ...line(
    5,
    MAL,
    { 'loose bits in PS256': (f, jti) => resigned(f.token(jti), (_b, s) => loose(s)) },
    'ps256',
  ),
  ...line(6, MAL, {
    'loose bits in the payload, really signed': (forge, jti) =>
      signedOver(
        forge,
        base64url(JSON.stringify(forge.header())),
        loose(base64url(paddable(forge, jti))),
      ),
  }),
  ...line(7, MAL, {
    'the standard alphabet in the payload, really signed': (forge, jti) => {
      const payload = base64url(
        JSON.stringify({ ...forge.claims(jti), data: '~~~???>>>~~~???>>>' }),
      );
      const standard = payload.replaceAll('-', '+').replaceAll('_', '/');
      return signedOver(forge, base64url(JSON.stringify(forge.header())), standard);
    },
    'a + in the signature': (f, jti) => resigned(f.token(jti), (_b, s) => `+${s.slice(1)}`),
    'a / in the header': (f, jti) => f.token(jti, { headerSegment: 'eyJ/eyJ/' }),
  }),
  ...line(8, MAL, {
    'a length of 1 modulo 4': inSegment(2, 'AAA'),
    ...each(BAD_CHARACTERS, (text) => inSegment(0, text), 'in the header '),
    ...each(BAD_CHARACTERS, (text) => inSegment(1, text), 'in the payload '),
    ...each(BAD_CHARACTERS, (text) => inSegment(2, text), 'in the signature '),
  }),
  ...line(9, MAL, {
    'a leading space': around(' ', ''),
    'Bearer before it': around('Bearer ', ''),
    'double quotes': around('"', '"'),
    'single quotes': around("'", "'"),
    'a BOM': around('\ufeff', ''),
    'angle brackets': around('<', '>'),
  }),
  ...line(11, MAL, {
    'an empty body': () => '',
    'one dot': () => '.',
    'two dots': () => '..',
    'three dots': () => '...',
    'no header': async (f, jti) => `.${(await segments(f.token(jti))).slice(1).join('.')}`,
    'no signature': (f, jti) => resigned(f.token(jti), () => ''),
    'a fourth part': around('', '.AAAA'),
    'two parts': async (f, jti) => (await segments(f.token(jti))).slice(0, 2).join('.'),
  }),
  ...line(12, MAL, {
    'a detached payload': (f) => signedOver(f, base64url(JSON.stringify(f.header())), ''),
  }),
  ...line(13, MAL, jsonForms),
  ...line(14, MAL, {
    'two signatures': async (forge, jti, { forges }) => {
      const [header, payload, signature] = await segments(forge.token(jti));
      const [other, , second] = await segments(forges.es256.token(jti));
      const signatures = [
        { protected: header, signature },
        { protected: other, signature: second },
      ];
      return JSON.stringify({ payload, signatures });
    },
  }),
  ...line(
    15,
    MAL,
    each(['not json', '[]', '"x"', '1', 'null', '{', '{}}', '', '{"a":}'], withHeaderText),
  ),
  ...line(17, MAL, {
    'invalid UTF-8 in the header': withHeaderText(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
    'overlong UTF-8 in the header': withHeaderText(Buffer.from('7b22c0af223a317d', 'hex')),
    'UTF-16 header': withHeaderText(Buffer.from('\ufeff{}', 'utf16le')),
    'a BOM in the header': (f, jti) =>
      f.token(jti, { headerText: `\ufeff${JSON.stringify(f.header())}` }),
    'invalid UTF-8 in the claims': withPayloadText(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
    'overlong UTF-8 in the claims': withPayloadText(Buffer.from('7b22c0af223a317d', 'hex')),
    'UTF-16 claims': (f, jti) =>
      f.token(jti, {
        payloadText: Buffer.from(`\ufeff${JSON.stringify(f.claims(jti))}`, 'utf16le'),
      }),
    'a BOM in the claims': (f, jti) =>
      f.token(jti, { payloadText: `\ufeff${JSON.stringify(f.claims(jti))}` }),
  }),
  ...line(18, HDR, {
    'two algs': (f, jti) => f.token(jti, { headerText: doubled(f.header(), 'alg', 'none') }),
    'two kids': (f, jti) => f.token(jti, { headerText: doubled(f.header(), 'kid', 'other') }),
    'two kids, one escaped': (f, jti) =>
      f.token(jti, {
        headerText: doubled(f.header(), 'kid', 'other').replace('"kid"', '"\\u006bid"'),
      }),
    'a __proto__': (f, jti) =>
      f.token(jti, { headerText: `{"__proto__":{},${JSON.stringify(f.header()).slice(1)}` }),
  }),
  ...line(19, 'claims_invalid', {
    ...each(['iss', 'aud', 'exp', 'jti'], (claim): Make => {
      return (f, jti) =>
        f.token(jti, { payloadText: doubled(f.claims(jti), claim, f.claims(jti)[claim]) });
    }),
    'iss twice, one escaped': (f, jti) =>
      f.token(jti, {
        payloadText: doubled(f.claims(jti), 'iss', 'mallory').replace('"iss"', '"\\u0069ss"'),
      }),
    'a doubled member deep inside': (f, jti) =>
      f.token(jti, { payloadText: f.claimsText(jti, 'data', '{"a":[{"b":1,"b":2}]}') }),
  }),
  ...line(20, MAL, {
    'a header of 64 KiB': (f, jti) => f.token(jti, { header: { kid: 'k'.repeat(65_536) } }),
  }),
  ...line(20, 'too_large', {
    'a header of 1 MiB': (f, jti) => f.token(jti, { header: { kid: 'k'.repeat(1_048_576) } }),
  }),
  ...line(21, MAL, {
    'a header 100,000 deep': withHeaderText(deep('[', ']')),
    'a header 5,000 deep': withHeaderText('{"a":'.repeat(4000) + '1' + '}'.repeat(4000)),
    'claims 100,000 deep': withPayloadText(deep('[', ']')),
    'claims of objects 100,000 deep': withPayloadText(deep('{"a":', '}')),
    'data 100,000 deep': (f, jti) =>
      f.token(jti, { payloadText: f.claimsText(jti, 'data', deep('[', ']')) }),
    'data never closed': (f, jti) =>
      f.token(jti, { payloadText: f.claimsText(jti, 'data', '['.repeat(100_000)) }),
    'data 65 deep': (f, jti) =>
      f.token(jti, { payloadText: f.claimsText(jti, 'data', '['.repeat(65) + ']'.repeat(65)) }),
  }),
  ...line(23, 'claims_invalid', { 'a payload of one byte': withPayloadText('1') }),
  ...line(23, MAL, { 'a payload of one space': withPayloadText(' ') }),
  ...line(24, MAL, {
    ...each(['é', '．', '․', '\u00ad', 'А'], (text) => around('', text), 'after it '),
    ...each(['é', '．', '․'], (text) => inSegment(1, text), 'inside it '),
    'full-width dots': async (f, jti) => Buffer.from((await f.token(jti)).replaceAll('.', '．')),
  }),
  ...line(
    25,
    SIG,
    {
      DER: (f, jti) => resigned(f.token(jti), der),
      '63 bytes': (f, jti) => resigned(f.token(jti), (bytes) => bytes.subarray(1)),
      '65 bytes': (f, jti) => resigned(f.token(jti), (b) => Buffer.concat([b, Buffer.alloc(1)])),
      'a leading zero': (f, jti) =>
        resigned(f.token(jti), (b) => Buffer.concat([Buffer.alloc(1), b])),
      'a leading zero each': (f, jti) =>
        resigned(f.token(jti), (b) =>
          Buffer.concat([Buffer.alloc(1), b.subarray(0, 32), Buffer.alloc(1), b.subarray(32)]),
        ),
      '96 bytes': (f, jti) => resigned(f.token(jti), (b) => Buffer.concat([b, Buffer.alloc(32)])),
      'one byte': (f, jti) => resigned(f.token(jti), () => Buffer.alloc(1)),
    },
    'es256',
  ),
  ...line(
    25,
    SIG,
    {
      'another length': (f, jti) => resigned(f.token(jti), (b) => b.subarray(1)),
      'a flipped bit': (f, jti) => resigned(f.token(jti), flipped),
    },
    'ps256',
  ),
  ...line(25, SIG, {
    '63 bytes of Ed25519': (f, jti) => resigned(f.token(jti), (b) => b.subarray(1)),
    'a flipped bit of Ed25519': (f, jti) => resigned(f.token(jti), flipped),
    'all zero': (f, jti) => resigned(f.token(jti), () => Buffer.alloc(64)),
  }),
  ...line(
    26,
    SIG,
    Object.fromEntries(
      Object.entries(edgeSignatures()).map(([what, signature]): [string, Make] => [
        what,
        (f, jti) => resigned(f.token(jti), () => signature),
      ]),
    ),
    'es256',
  ),
];

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[5] = (copy[5] ?? 0) ^ 1;
  return copy;
}

/** JSON text in which one member comes twice, first with the other value. */
function doubled(members: Record<string, unknown>, name: string, first: unknown): string {
  return `{${JSON.stringify(name)}:${JSON.stringify(first)},${JSON.stringify(members).slice(1)}`;
}

// ---------------------------------------------------------------- B

const withHeader =
  (header: Record<string, unknown>): Make =>
  (forge, jti) =>
    forge.token(jti, { header });

/** The sender's own material, signing as if it were registered for another algorithm. */
const signedAs =
  (alg: string, named = alg): Make =>
  (forge, jti) =>
    forge.token(jti, { header: { alg: named }, key: { ...forge.key, alg } });

const HMACS = ['HS256', 'HS384', 'HS512'];
function hmacs(): Record<string, Make> {
  const names = ['PEM', 'PEM without newline', 'DER', 'JWK text', 'raw bytes', 'thumbprint'];
  return Object.fromEntries(
    names.flatMap((name) =>
      HMACS.map((alg): [string, Make] => [
        `${alg} by ${name}`,
        (forge, jti) => hmacToken(forge, jti, alg, secretsOf(forge)[name] ?? ''),
      ]),
    ),
  );
}

const KIDS_THAT_REACH_OUT = [
  '../../../../dev/null',
  '/proc/self/environ',
  'file:///etc/passwd',
  'C:\\windows\\win.ini',
  "' OR '1'='1",
  "x' UNION SELECT 'AA'--",
  '$where',
  '{"$ne":null}',
  '*',
  '%',
  '_',
  'a:b:c',
  '$(id)',
  '`id`',
  'constructor',
  '__proto__',
  'toString',
  '',
];

export const HEADER: readonly Attack[] = [
  ...line(29, ALG, {
    ...each(
      ['none', 'None', 'NONE', 'nOnE'],
      (alg): Make => {
        return (f, jti) => resigned(f.token(jti, { header: { alg } }), () => '');
      },
      'no signature, ',
    ),
    ...each(['none', 'None', 'NONE', 'nOnE'], (alg) => withHeader({ alg }), 'some signature, '),
  }),
  ...line(30, [ALG, MAL], {
    ...each(
      [
        undefined,
        null,
        '',
        1,
        ['ES256'],
        { a: 1 },
        'ES256\0',
        ' ES256',
        'es256',
        'constructor',
        '__proto__',
        true,
      ],
      (alg) => withHeader({ alg }),
    ),
  }),
  ...line(31, ALG, hmacs(), 'es256'),
  ...line(31, ALG, hmacs(), 'ps256'),
  ...line(31, ALG, hmacs(), 'ed25519'),
  ...line(33, ALG, { 'RS256 by a PS256 key': signedAs('RS256') }, 'ps256'),
  ...line(33, ALG, { 'PS256 by an RS256 key': signedAs('PS256') }, 'rs256'),
  ...line(33, ALG, { 'RS512 by an RS256 key': signedAs('RS256', 'RS512') }, 'rs256'),
  ...line(
    35,
    ALG,
    each(['Ed448', 'ES256K', 'ES256', 'ML-DSA-44', 'ES384'], (alg) => withHeader({ alg })),
  ),
  ...line(
    35,
    ALG,
    each(['EdDSA', 'Ed25519', 'ES384'], (alg) => withHeader({ alg })),
    'es256',
  ),
  ...line(37, HDR, {
    "an embedded jwk of an attacker's key, signed by it": async (forge, jti) => {
      const key = await strangersKey();
      return forge.token(jti, { key, header: { kid: forge.key['kid'], jwk: publicOf(key) } });
    },
  }),
  ...line(38, HDR, {
    'an embedded jwk that is the registered key': (f, jti) =>
      f.token(jti, { header: { jwk: publicOf(f.key) } }),
  }),
  ...line(39, HDR, {
    'a jku to a listener': (f, jti, { trap }) => f.token(jti, { header: { jku: trap.url } }),
    'an x5u to a listener': (f, jti, { trap }) => f.token(jti, { header: { x5u: trap.url } }),
    ...each(
      [
        'http://169.254.169.254/',
        'file:///etc/passwd',
        'https://alice.example/r?u=http://127.0.0.1',
      ],
      (jku) => withHeader({ jku }),
    ),
    'an x5c': withHeader({ x5c: ['AAAA'] }),
  }),
  ...line(
    41,
    KEY,
    each(KIDS_THAT_REACH_OUT, (kid) => withHeader({ kid })),
  ),
  ...line(
    43,
    MAL,
    each([1, {}, [], null, true, ['a']], (kid) => withHeader({ kid })),
  ),
  ...line(44, KEY, { 'no kid, and one key': withHeader({ kid: undefined }) }),
  ...line(44, KEY, { 'no kid, and several keys': withHeader({ kid: undefined }) }, 'rs256'),
  ...line(45, KEY, {
    "another partner's kid, signed by it": (f, jti, { forges }) =>
      f.token(jti, { key: forges.es256.key }),
    "the recipient's key": (f, jti, { bob }) => {
      const [key] = bob.keys;
      return f.token(jti, key === undefined ? {} : { key });
    },
    'an enc key of its own': async (f, jti) =>
      f.token(jti, { header: { kid: encKeyOf(f.sender)['kid'] } }),
  }),
  ...line(48, KEY, {
    'another case': (f, jti) =>
      f.token(jti, { header: { kid: String(f.key['kid']).toUpperCase() } }),
    ...each(['é', 'e\u0301', 'а', 'a\u200d', 'kid '], (kid) => withHeader({ kid })),
  }),
  ...line(48, MAL, { 'a trailing NUL': withHeader({ kid: 'kid\0' }) }),
  ...line(49, MAL, {
    '129 characters': withHeader({ kid: 'k'.repeat(129) }),
    '24 KiB': withHeader({ kid: 'k'.repeat(20_000) }),
  }),
  ...line(49, KEY, { '128 characters': withHeader({ kid: 'k'.repeat(128) }) }),
  ...line(49, 'too_large', { '1 MiB': withHeader({ kid: 'k'.repeat(1_048_576) }) }),
  ...line(50, HDR, {
    ...each(
      [
        ['exp'],
        [],
        'b64',
        ['b64', 'b64'],
        ['alg'],
        ['absent'],
        null,
        Array.from({ length: 2000 }, (_, i) => `n${i}`),
      ],
      (crit) => withHeader({ crit }),
      'crit ',
    ),
  }),
  ...line(51, HDR, {
    'b64 false with crit': withHeader({ b64: false, crit: ['b64'] }),
    'b64 false alone': withHeader({ b64: false }),
    'b64 true': withHeader({ b64: true }),
  }),
  ...line(51, MAL, {
    'b64 false with an unencoded payload': (f, jti) =>
      f.token(jti, {
        header: { b64: false, crit: ['b64'] },
        payloadSegment: JSON.stringify(f.claims(jti)),
      }),
  }),
  ...line(
    53,
    `${HDR}:typ`,
    each([undefined, null, 1, '', [TYP.envelope], ...OTHER_KINDS], (typ) => withHeader({ typ })),
  ),
  ...line(
    54,
    `${HDR}:typ`,
    each(
      [
        'SEALPOST-ENVELOPE+JWT',
        'application/sealpost-envelope+jwt',
        ' sealpost-envelope+jwt',
        'sealpost-envelope+jwt ',
        'Sealpost-Envelope+JWT',
        'sealpost-envelope',
      ],
      (typ) => withHeader({ typ }),
    ),
  ),
  ...line(
    56,
    HDR,
    each(['JWT', 'JWE', TYP.message, ''], (cty) => withHeader({ cty })),
  ),
  ...line(57, HDR, {
    ...each(
      [
        { 'x-admin': true },
        { zip: 'DEF' },
        { enc: 'A256GCM' },
        { epk: {} },
        { x5t: 'a' },
        { nonce: 'n' },
        { url: 'u' },
      ],
      withHeader,
    ),
    'a member named constructor': withHeader({ constructor: 1 }),
  }),
  ...line(
    59,
    HDR,
    each([{ iss: 'mallory' }, { aud: 'mallory' }, { iss: 'alice' }, { sub: 'a' }], withHeader),
  ),
  ...line(60, KEY, {
    "the exchange's own key": async (f, jti, { world }) => {
      const { keys } = JSON.parse(world.env['EXCHANGE_JWKS'] ?? '') as {
        keys: [Record<string, unknown>];
      };
      return f.token(jti, { key: keys[0] });
    },
    "the exchange's own key, in its own name": async (f, jti, { world }) => {
      const { keys } = JSON.parse(world.env['EXCHANGE_JWKS'] ?? '') as {
        keys: [Record<string, unknown>];
      };
      return f.token(jti, { key: keys[0], claims: { iss: 'sealpost' } });
    },
    "the operator's key, in its name": (f, jti, { world }) =>
      f.token(jti, { key: world.operatorKey, claims: { iss: 'operator' } }),
    'a key nobody registered': async (f, jti) => f.token(jti, { key: await strangersKey('ES256') }),
  }),
  ...line(60, SIG, {
    "a stranger's key under the sender's kid": async (f, jti) =>
      f.token(jti, { key: await strangersKey(), header: { kid: f.key['kid'] } }),
  }),
];

// ---------------------------------------------------------------- C

const P256_EPK = {
  kty: 'EC',
  crv: 'P-256',
  x: '04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY',
  y: 'UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw',
};
const ZERO = base64url(Buffer.alloc(32));
const EPKS: Record<string, unknown> = {
  absent: undefined,
  'of another curve than the key': P256_EPK,
  '(0,0)': { ...P256_EPK, x: ZERO, y: ZERO },
  'without y': { kty: 'EC', crv: 'P-256', x: P256_EPK.x },
  compressed: { kty: 'EC', crv: 'P-256', x: base64url(Buffer.alloc(33, 2)) },
  'with d': { kty: 'OKP', crv: 'X25519', x: base64url(Buffer.alloc(32, 9)), d: ZERO },
  'an array': [],
  'a string': 'x',
  null: null,
  empty: {},
  'with a number': { kty: 'OKP', crv: 'X25519', x: 9 },
  'with a wrong kty': { kty: 'EC', crv: 'X25519', x: base64url(Buffer.alloc(32, 9)) },
  'of 31 bytes': { kty: 'OKP', crv: 'X25519', x: base64url(Buffer.alloc(31, 9)) },
  'of curve X448': { kty: 'OKP', crv: 'X448', x: base64url(Buffer.alloc(56, 9)) },
  'with loose bits': { kty: 'OKP', crv: 'X25519', x: loose(base64url(Buffer.alloc(32, 9))) },
};
const LOW_ORDER = [
  '0'.repeat(64),
  `01${'0'.repeat(62)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'f'.repeat(60)}7f`,
  `ed${'f'.repeat(60)}7f`,
];

const bareSealed: Make = (forge, jti) => forge.sealed(jti);
const sealedText =
  (make: (forge: Parameters<Make>[0], jti: string) => unknown): Make =>
  async (forge, jti) =>
    forge.around(jti, await make(forge, jti));

export const SEALED: readonly Attack[] = [
  ...line(61, MAL, { 'the bare JWE posted as the envelope': bareSealed }),
  ...line(65, 'stale_recipient_key', {
    "another partner's enc key": async (forge, jti, { dora }) =>
      forge.around(jti, await forge.sealed(jti, {}, encKeyOf(dora))),
  }),
  ...line(66, MAL, {
    'claims encrypted to a public key in place of a signature': async (forge, jti) =>
      forge.sealed(jti, { typ: TYP.envelope, cty: TYP.envelope }),
  }),
  ...line(67, ALG, { RSA1_5: sealedHeader({ alg: 'RSA1_5' }) }),
  ...line(
    68,
    ALG,
    each(['RSA-OAEP', 'RSA-OAEP-384', 'RSA-OAEP-512'], (alg) => sealedHeader({ alg })),
  ),
  ...line(
    69,
    ALG,
    each(
      [
        'dir',
        'A256KW',
        'A256GCMKW',
        'A128KW',
        'PBES2-HS256+A128KW',
        'ECDH-ES+A128KW',
        'none',
        undefined,
        null,
        1,
        ['ECDH-ES'],
        'constructor',
      ],
      (alg) => sealedHeader({ alg }),
    ),
  ),
  ...line(69, ALG, {
    'an algorithm of the table that is not the key’s': sealedHeader({
      alg: 'RSA-OAEP-256',
      epk: undefined,
    }),
  }),
  ...line(
    71,
    HDR,
    each(['DEF', 'GZ', null, ''], (zip) => sealedHeader({ zip })),
  ),
  ...line(
    73,
    HDR,
    Object.fromEntries(
      Object.entries(EPKS).map(([what, epk]): [string, Make] => [
        `epk ${what}`,
        sealedHeader({ epk }),
      ]),
    ),
  ),
  ...line(
    74,
    HDR,
    each(
      LOW_ORDER,
      (hex) =>
        sealedHeader({ epk: { kty: 'OKP', crv: 'X25519', x: base64url(Buffer.from(hex, 'hex')) } }),
      'epk of low order ',
    ),
  ),
  ...line(75, MAL, { 'no encrypted key': sealedParts(([h = '', , ...rest]) => [h, '', ...rest]) }),
  ...line(75, MAL, {
    'no iv': sealedParts(([h = '', k = '', , c = '', t = '']) => [h, k, '', c, t]),
    'no ciphertext': sealedParts(([h = '', k = '', i = '', , t = '']) => [h, k, i, '', t]),
    'no tag': sealedParts((parts) => [...parts.slice(0, 4), '']),
    'a tag of 12 bytes': sealedParts((parts) => [
      ...parts.slice(0, 4),
      base64url(Buffer.alloc(12)),
    ]),
    'an iv of 16 bytes': sealedParts(([h = '', k = '', , c = '', t = '']) => [
      h,
      k,
      base64url(Buffer.alloc(16)),
      c,
      t,
    ]),
    'four parts': sealedParts((parts) => parts.slice(0, 4)),
    'six parts': sealedParts((parts) => [...parts, 'AAAA']),
  }),
  ...line(77, MAL, {
    ...each(
      [0, 1, 2, 3, 4],
      (at) =>
        sealedParts((parts) =>
          parts.map((part, i) => (i === at ? `${part.slice(0, 4)}\n${part.slice(4)}` : part)),
        ),
      'a newline in part ',
    ),
    ...each(
      [1, 2, 3, 4],
      (at) => sealedParts((parts) => parts.map((part, i) => (i === at ? `${part}=` : part))),
      'padding in part ',
    ),
    'loose bits in the tag': sealedParts((parts) => [...parts.slice(0, 4), loose(parts[4] ?? '')]),
    'a trailing newline': sealedParts((parts) => [...parts.slice(0, 4), `${parts[4]}\n`]),
  }),
  ...line(
    78,
    ALG,
    each(['A999GCM', 'A128CBC-HS256', 'A128GCM', undefined, null, 1, 'A256GCM '], (enc) =>
      sealedHeader({ enc }),
    ),
  ),
  ...line(79, HDR, {
    ...each(
      [
        { crit: ['x'] },
        { jku: 'https://a.b' },
        { x5u: 'https://a.b' },
        { jwk: {} },
        { x5c: [] },
        { 'x-a': 1 },
        { b64: false },
        { p2c: 1 },
      ],
      sealedHeader,
    ),
    'a doubled member': async (forge, jti) =>
      forge.around(jti, await sealedWith(forge, jti, (header) => doubled(header, 'kid', 'other'))),
  }),
  ...line(79, MAL, {
    'a header that is no object': async (forge, jti) =>
      forge.around(jti, await sealedWith(forge, jti, () => '[]')),
    'a header that is no JSON': async (forge, jti) =>
      forge.around(jti, await sealedWith(forge, jti, () => 'x')),
  }),
  ...line(80, 'stale_recipient_key', {
    "the sender's own enc key": async (forge, jti) =>
      forge.around(jti, await forge.sealed(jti, {}, encKeyOf(forge.sender))),
    "the recipient's sig key": async (forge, jti, { bob }) =>
      forge.around(jti, await forge.sealed(jti, { kid: bob.keys[0]?.['kid'] })),
    'a kid that nobody has': sealedHeader({ kid: 'nobody' }),
  }),
  ...line(
    80,
    HDR,
    each([undefined, null, 1, '', '../x', 'k'.repeat(129)], (kid) => sealedHeader({ kid }), 'kid '),
  ),
  ...line(84, MAL, {
    'a JWE in JSON with 1,000 recipients': sealedText(async (forge, jti) => {
      const [header, key, iv, ciphertext, tag] = (await forge.sealed(jti)).split('.');
      const recipients = Array.from({ length: 1000 }, () => ({ encrypted_key: key }));
      return JSON.stringify({ protected: header, recipients, iv, ciphertext, tag });
    }),
    'an unsealed envelope inside': sealedText((forge, jti) => forge.token(`${jti}-inner`)),
    'some text': sealedText(() => 'sealed'),
  }),
  ...line(
    84,
    'claims_invalid:sealed',
    each([null, 1, {}, [], '', true], (value) => sealedText(() => value)),
  ),
  ...line(
    59,
    `${HDR}:sealed.iss`,
    each([undefined, 'mallory', null, 'Alice'], (iss) => sealedHeader({ iss }), 'copied iss '),
  ),
  ...line(
    59,
    `${HDR}:sealed.aud`,
    each([undefined, 'dora', ['bob']], (aud) => sealedHeader({ aud }), 'copied aud '),
  ),
  ...line(
    59,
    `${HDR}:sealed.jti`,
    each([undefined, 'other', 1], (jti) => sealedHeader({ jti }), 'copied jti '),
  ),
  ...line(
    63,
    `${HDR}:sealed.iss`,
    {
      "another sender's ciphertext, signed as one's own": async (forge, jti, { forges }) =>
        forge.around(jti, await forges.ed25519.sealed(jti)),
    },
    'es256',
  ),
  ...line(
    56,
    `${HDR}:sealed.cty`,
    each([undefined, 'text/plain', 'json', TYP.envelope, 1], (cty) => sealedHeader({ cty })),
  ),
];

// ---------------------------------------------------------------- E

const withClaims =
  (claims: Record<string, unknown>): Make =>
  (forge, jti) =>
    forge.token(jti, { claims });
const withClaimText =
  (claim: string, text: string): Make =>
  (forge, jti) =>
    forge.token(jti, { payloadText: forge.claimsText(jti, claim, text) });

const inv = (claim: string): string => `claims_invalid:${claim}`;
const claim = (name: string, values: readonly unknown[]): Record<string, Make> =>
  each(values, (value) => withClaims({ [name]: value }), `${name} `);
const texts = (name: string, values: readonly string[]): Record<string, Make> =>
  each(values, (value) => withClaimText(name, value), `${name} `);
const NOT_TEXT: readonly unknown[] = [undefined, '', 1, {}, [], ['a'], true, null];
const NOT_SECONDS: readonly unknown[] = ['1700000000', null, [1], true, {}, 1.5, -1, 'now', ''];
const from =
  (name: string, offset: number, more: Record<string, number> = {}): Make =>
  (forge, jti) => {
    const now = seconds(forge.world);
    const others = Object.fromEntries(Object.entries(more).map(([key, at]) => [key, now + at]));
    return forge.token(jti, { claims: { [name]: now + offset, ...others } });
  };

export const CLAIMS: readonly Attack[] = [
  ...line(119, 'not_granted', { 'another partner': withClaims({ aud: 'dora' }) }),
  ...line(119, inv('aud'), claim('aud', NOT_TEXT)),
  ...line(
    120,
    inv('aud'),
    claim('aud', [
      ['bob'],
      ['bob', 'dora'],
      ['bob', 'bob'],
      ['bob', 1, {}],
      [['bob']],
      Array.from({ length: 50_000 }, () => 'bob'),
    ]),
  ),
  ...line(
    121,
    inv('aud'),
    claim('aud', [
      'Bob',
      'bob.',
      'bob/',
      'bob ',
      ' bob',
      'b%6fb',
      'ｂｏｂ',
      'bo\u0301b',
      '-bob',
      'bob-',
      'b'.repeat(64),
      'https://bob.example',
    ]),
  ),
  ...line(122, 'not_granted', claim('aud', ['sealpost', 'operator', 'echo'])),
  ...line(122, inv('aud'), claim('aud', ['https://exchange.test'])),
  ...line(123, SIG, {
    "its iss, signed by another partner's key under its kid": async (f, jti, { forges }) => {
      const key = { ...(await strangersKey()), kid: f.key['kid'] };
      void forges;
      return f.token(jti, { key });
    },
  }),
  ...line(123, KEY, {
    "another partner's iss": withClaims({ iss: 'carol' }),
    'an unknown iss': withClaims({ iss: 'nobody' }),
  }),
  ...line(123, inv('iss'), claim('iss', [...NOT_TEXT, 'Alice', 'alice ', 'https://alice.example'])),
  ...line(126, inv('exp'), claim('exp', [undefined])),
  ...line(127, inv('exp'), claim('exp', NOT_SECONDS)),
  ...line(127, inv('nbf'), claim('nbf', NOT_SECONDS)),
  ...line(127, inv('iat'), claim('iat', NOT_SECONDS)),
  ...line(128, 'claims_invalid', {
    ...texts('exp', [
      '1e400',
      '-1e400',
      '9223372036854775808',
      '9007199254740993',
      '1e308',
      '8640000000001',
      '253402300800',
    ]),
    ...texts('iat', ['1e400', '-1e308', '9223372036854775808']),
    ...texts('nbf', ['-1e400', '1e308']),
    'a number without end in the data': withClaimText('data', '1e999'),
  }),
  ...line(129, inv('exp'), texts('exp', ['-0', '-1', '0', '1e3', '1.7e9', '1.5', '4102444800.5'])),
  ...line(129, MAL, texts('exp', ['01700000000', '+1', '.5', '1.', '0x10', 'NaN', 'Infinity'])),
  ...line(131, inv('exp'), {
    'seven days and a second': from('exp', 604_801, { iat: 0 }),
    'ten years': from('exp', 315_360_000),
    'in milliseconds': (f, jti) => f.token(jti, { claims: { exp: seconds(f.world) * 1000 } }),
  }),
  ...line(133, inv('nbf'), {
    'nbf in an hour': from('nbf', 3600, { exp: 7200 }),
    'nbf after exp': from('nbf', 50, { exp: 40 }),
  }),
  ...line(134, inv('iat'), {
    'iat in an hour': from('iat', 3600, { exp: 7200 }),
    'iat in a thousand years': (f, jti) => f.token(jti, { claims: { iat: 33_000_000_000 } }),
    'iat absent': withClaims({ iat: undefined }),
  }),
  ...line(134, inv('exp'), { 'iat after exp': from('iat', 30, { exp: 20 }) }),
  ...line(135, inv('jti'), claim('jti', NOT_TEXT)),
  ...line(
    137,
    'claims_invalid',
    texts('jti', ['"\\ud800"', '"\\ud801"', '"a\\u0000b"', '"\\udc00\\ud800"']),
  ),
  ...line(138, inv('jti'), claim('jti', ['j'.repeat(256), 'j'.repeat(3000), 'j'.repeat(600_000)])),
  ...line(
    140,
    inv('jti'),
    claim('jti', [
      'a ',
      ' a',
      'a b',
      'é',
      'e\u0301',
      'a\tb',
      'a\nb',
      'a\r\nb',
      '\u007f',
      'ａ',
      '\u202ea',
    ]),
  ),
  ...line(143, 'claims_invalid', {
    ...texts('__proto__', ['{"admin":true}', 'null']),
    ...texts('constructor', ['{"prototype":{"admin":true}}']),
    'a __proto__ deep inside': withClaimText('data', '{"a":{"__proto__":{"b":1}}}'),
    'an escaped __proto__': withClaimText('data', '{"\\u005f_proto__":1}'),
  }),
  ...line(144, 'claims_invalid', {
    'all claims through __proto__': (f, jti) =>
      f.token(jti, { payloadText: `{"__proto__":${JSON.stringify(f.claims(jti))}}` }),
  }),
  ...line(
    145,
    'claims_invalid',
    each(['[]', '"text"', '1', 'null', 'true', '"{}"', '[{"iss":"alice"}]', '{}'], withPayloadText),
  ),
  ...line(
    145,
    MAL,
    each(
      ['{', '{}{}', "{'iss':1}", '{"iss":"alice",}', 'undefined', '\u00a0{}', '// x\n{}'],
      withPayloadText,
    ),
  ),
  ...line(
    147,
    inv('txn'),
    claim('txn', ['a\r\nSet-Cookie: x', 'a\nb', '', 'x'.repeat(256), 1, {}, null]),
  ),
  ...line(
    147,
    inv('ordering_key'),
    claim('ordering_key', ['a\r\nb', '', 'x'.repeat(256), 1, null]),
  ),
  ...line(
    147,
    inv('reply_to'),
    claim('reply_to', [
      'x',
      null,
      [],
      {},
      { iss: 'a' },
      { jti: 'a' },
      { iss: 'A', jti: 'b' },
      { iss: 'a', jti: '' },
    ]),
  ),
  ...line(
    150,
    inv('type'),
    claim('type', [
      'sealpost.endpoint.verification',
      'sealpost.',
      ...NOT_TEXT,
      'a b',
      'x'.repeat(256),
      'é',
      'a\nb',
    ]),
  ),
  ...line(
    150,
    'not_granted',
    claim('type', [
      'order.created',
      'exchange.revoke',
      'Invoice.created',
      'invoice',
      '*',
      'invoice*',
    ]),
  ),
  ...line(151, 'not_granted', claim('aud', ['nobody', 'x'])),
  ...line(
    119,
    inv('via'),
    claim('via', [
      ...NOT_TEXT,
      'https://staging.test',
      'https://exchange.test/',
      'HTTPS://exchange.test',
      'http://exchange.test',
      'https://exchange.test:443',
      'x'.repeat(3000),
    ]),
  ),
  ...line(145, inv('data'), {
    'neither data nor sealed': withClaims({ data: undefined }),
    'data and sealed': withClaims({ sealed: 'a.b.c.d.e' }),
    'data null and sealed': withClaims({ data: null, sealed: 'a.b.c.d.e' }),
  }),
];
