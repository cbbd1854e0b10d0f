import { beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { ALGORITHMS, SEAL_ALGS, SIGN_ALGS, type SealAlg, type SignAlg } from './algorithms.js';
import { generateKey } from './generate-key.js';
import { admitKey } from './key-policy.js';

const STRICT = { allowRs256: false };
type Jwk = Record<string, unknown>;

/** Why a key is refused; 'admitted' if it is not. */
async function faultOf(input: unknown, options = STRICT): Promise<string> {
  return settle(admitKey(input, options));
}

async function settle(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'admitted',
    (error: unknown) => {
      if (error instanceof Refused && error.code === 'key_rejected') return error.detail ?? '';
      return `threw ${String(error)}`;
    },
  );
}

async function publicKey(alg: SignAlg | SealAlg, crv?: 'X25519'): Promise<Jwk> {
  const { publicJwk } = await generateKey(
    ALGORITHMS[alg].use,
    alg,
    crv === undefined ? {} : { crv },
  );
  return { ...publicJwk };
}

function bigEndian(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

function toInteger(text: unknown): bigint {
  return BigInt(`0x${Buffer.from(String(text), 'base64url').toString('hex')}`);
}

const rsa = (n: bigint, e = 'AQAB'): Jwk => ({
  kty: 'RSA',
  kid: 'k',
  use: 'sig',
  alg: 'PS256',
  n: bigEndian(n),
  e,
});
const ed25519 = (x: string): Jwk => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x,
  kid: 'k',
  use: 'sig',
  alg: 'Ed25519',
});

let ec: Jwk;
let ps: Jwk;
let prime: bigint;

beforeAll(async () => {
  ec = await publicKey('ES256');
  const { publicJwk, privateJwk } = await generateKey('sig', 'PS256');
  ps = { ...publicJwk };
  prime = toInteger(privateJwk['p']);
});

describe('the key policy admits', () => {
  it.each([...SIGN_ALGS, ...SEAL_ALGS])('a sound %s key in its one spelling', async (alg) => {
    const jwk = await publicKey(alg);

    const admitted = await admitKey({ ...jwk, ext: true }, { allowRs256: true });

    expect(admitted).toMatchObject({
      kid: jwk['kid'],
      use: ALGORITHMS[alg].use,
      alg,
      jkt: jwk['kid'],
    });
    expect(admitted.jwk).toEqual(jwk);
  });

  it('X25519 keys for sealing', async () => {
    expect(await faultOf(await publicKey('ECDH-ES+A256KW', 'X25519'))).toBe('admitted');
  });

  it('RS256 only where the operator allows it', async () => {
    const rs256 = { ...ps, alg: 'RS256' };

    expect(await faultOf(rs256)).toMatch(/RS256/);
    expect(await faultOf(rs256, { allowRs256: true })).toBe('admitted');
  });

  it('key_ops that agree with use', async () => {
    const [oaep, ecdh] = [await publicKey('RSA-OAEP-256'), await publicKey('ECDH-ES')];

    expect(await faultOf({ ...ec, key_ops: ['verify'] })).toBe('admitted');
    expect(await faultOf({ ...oaep, key_ops: ['wrapKey', 'encrypt'] })).toBe('admitted');
    expect(await faultOf({ ...ecdh, key_ops: [] })).toBe('admitted');
  });

  it('without freezing or changing what it was given', async () => {
    const given = { ...ec, key_ops: ['verify'] };
    const before = structuredClone(given);

    await admitKey(given, STRICT);

    expect(given).toEqual(before);
    expect(Object.isFrozen(given)).toBe(false);
  });
});

describe('the key policy refuses', () => {
  it.each<[string, Jwk, RegExp]>([
    ['no kid', { kid: undefined }, /kid/],
    ['a kid that is a number', { kid: 1 }, /kid/],
    ['a kid outside the grammar', { kid: 'a b' }, /kid/],
    ['a kid of 129 characters', { kid: 'k'.repeat(129) }, /kid/],
    ['no alg', { alg: undefined }, /alg/],
    ['an alg that is an array', { alg: ['ES256'] }, /alg/],
    ['an alg that is a property of every object', { alg: 'constructor' }, /alg/],
    ['ES384 on P-256', { alg: 'ES384' }, /alg/],
    ['the misspelled ES521', { alg: 'ES521' }, /alg/],
    ['an alg of another kty', { alg: 'Ed25519' }, /alg/],
    ['no use', { use: undefined }, /use/],
    ['use null', { use: null }, /use/],
    ['use in capitals', { use: 'SIG' }, /use/],
    ['use enc for a signature alg', { use: 'enc' }, /use/],
    ['key_ops as a string', { key_ops: 'verify' }, /key_ops/],
    ['key_ops without verify', { key_ops: [] }, /key_ops/],
    ['key_ops of a private key', { key_ops: ['sign'] }, /key_ops/],
    ['key_ops for both', { key_ops: ['verify', 'sign'] }, /key_ops/],
    ['key_ops twice', { key_ops: ['verify', 'verify'] }, /key_ops/],
    ['key_ops of encryption', { key_ops: ['encrypt'] }, /key_ops/],
    ['ext that is no boolean', { ext: 'yes' }, /ext/],
    ['x5c', { x5c: ['MIIB'] }, /certificates/],
    ['x5u', { x5u: 'https://acme.example/c.pem' }, /certificates/],
    ['x5t', { x5t: 'AAAA' }, /certificates/],
    ['a private member', { d: 'AAAA' }, /private/],
    ['a secret member', { k: 'AAAA' }, /private/],
    ['an empty private member', { d: '' }, /private/],
    ['an unknown member', { iat: 1 }, /member/],
    ['a member of another kty', { n: 'AAAA' }, /member/],
    ['kty oct', { kty: 'oct' }, /kty/],
    ['kty RSA with the members of EC', { kty: 'RSA' }, /kty/],
    ['crv P-384', { crv: 'P-384' }, /crv/],
    ['crv secp256k1', { crv: 'secp256k1' }, /crv/],
    ['no y', { y: undefined }, /y is missing/],
    ['x that is an object', { x: {} }, /x is missing/],
    ['an empty x', { x: '' }, /x is missing/],
    ['the point at zero', { x: 'A'.repeat(43), y: 'A'.repeat(43) }, /curve/],
    ['x of 31 bytes', { x: Buffer.alloc(31, 1).toString('base64url') }, /32 bytes/],
    ['x of 33 bytes', { x: Buffer.alloc(33, 1).toString('base64url') }, /32 bytes/],
    ['x out of range', { x: Buffer.alloc(32, 255).toString('base64url') }, /range/],
    ['x off the curve', { x: Buffer.alloc(32, 1).toString('base64url') }, /curve/],
    ['x far too long', { x: 'A'.repeat(1_000_000) }, /too long/],
  ])('%s', async (_what, change, why) => {
    expect(await faultOf({ ...ec, ...change })).toMatch(why);
  });

  it('a thousand members, and __proto__ as a member', async () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`m${i}`, i]));

    expect(await faultOf({ ...ec, ...many })).toMatch(/members/);
    expect(await faultOf(JSON.parse(`{"__proto__":{},${JSON.stringify(ec).slice(1)}`))).toMatch(
      /member/,
    );
  });

  it.each(['x', 'y'])('every other spelling of %s', async (member) => {
    const good = String(ec[member]);
    const loose = good.slice(0, -1) + String.fromCharCode(good.charCodeAt(42) + 1);
    const spellings = [`${good}=`, `${good} `, `\n${good}`, `${good}!`, `+${good.slice(1)}`, loose];
    for (const spelling of spellings) {
      expect(await faultOf({ ...ec, [member]: spelling })).toMatch(/canonical/);
    }
  });

  it('a private key, and says nothing of it', async () => {
    for (const alg of ['ES256', 'Ed25519', 'PS256', 'ML-DSA-44'] as const) {
      const { privateJwk } = await generateKey('sig', alg);
      const fault = await faultOf(privateJwk);

      expect(fault).toMatch(/private/);
      expect(fault).not.toContain(String(privateJwk['d'] ?? privateJwk['priv']));
    }
  });

  it('keys whose private half is printed in public', async () => {
    const rfc8037 = ed25519('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
    const rfc7515 = {
      ...ec,
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    };

    expect(await faultOf(rfc8037)).toMatch(/public/);
    expect(await faultOf(ed25519('AQ' + 'A'.repeat(41)))).toMatch(/small order/);
    expect(await faultOf(rfc7515)).toMatch(/public/);
  });

  it.each(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'] as const)('%s of another length', async (alg) => {
    const jwk = await publicKey(alg);
    const pub = Buffer.from(String(jwk['pub']), 'base64url');

    expect(await faultOf({ ...jwk, pub: pub.subarray(1).toString('base64url') })).toMatch(/length/);
    const other = alg === 'ML-DSA-44' ? 'ML-DSA-65' : 'ML-DSA-44';
    expect(await faultOf({ ...jwk, alg: other })).toMatch(/length/);
  });
});

describe('of RSA keys the policy refuses', () => {
  const MODULUS: [string, () => bigint, RegExp][] = [
    ['1024 bits', () => prime, /bits/],
    ['2047 bits', () => toInteger(ps['n']) >> 1n, /bits/],
    ['4097 bits', () => (1n << 4096n) + 1n, /bits/],
    ['16384 bits', () => (1n << 16383n) + 1n, /bits/],
  ];

  it.each(MODULUS)('%s', async (_what, make, why) => {
    expect(await faultOf(rsa(make()))).toMatch(why);
  });

  it('a modulus of a megabit before it does any arithmetic', async () => {
    const n = Buffer.alloc(125_000, 0xff).toString('base64url');

    expect(await faultOf({ ...ps, n })).toMatch(/too long/);
  });

  it.each(['AQ', 'Ag', 'Aw', 'EQ', 'AAEAAQ', 'AQAA', 'AQAC', 'AA', 'AQABAA', ''])(
    'the exponent %s',
    async (e) => {
      expect(await faultOf({ ...ps, e })).toMatch(/\be\b/);
    },
  );

  it('a modulus with a leading zero, or spelled another way', async () => {
    const zero = Buffer.concat([Buffer.alloc(1), Buffer.from(String(ps['n']), 'base64url')]);

    expect(await faultOf({ ...ps, n: zero.toString('base64url') })).toMatch(/leading zero/);
    expect(await faultOf({ ...ps, n: `${String(ps['n'])}=` })).toMatch(/canonical/);
  });
});
