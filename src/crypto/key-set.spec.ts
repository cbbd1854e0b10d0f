import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { generateKey } from './generate-key.js';
import { admitKey, admitKeySet, MAX_KEYS_IN_SET } from './key-policy.js';
import { SigningKey } from './signing-key.js';

const STRICT = { allowRs256: false };
type Jwk = Record<string, unknown>;

let ec: Jwk;
let ed: Jwk;
let ps: Jwk;

beforeAll(async () => {
  ec = { ...(await generateKey('sig', 'ES256')).publicJwk };
  ed = { ...(await generateKey('sig', 'Ed25519')).publicJwk };
  ps = { ...(await generateKey('sig', 'PS256')).publicJwk };
});

/** Why a key is refused; 'admitted' if it is not. */
async function settle(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'admitted',
    (error: unknown) => {
      if (error instanceof Refused && error.code === 'key_rejected') return error.detail ?? '';
      return `threw ${String(error)}`;
    },
  );
}

const setFault = (input: unknown): Promise<string> => settle(admitKeySet(input, STRICT));

const trap = (): never => {
  throw new Error('trap');
};

describe('a JWK Set', () => {
  it('is admitted whole, in its order', async () => {
    const admitted = await admitKeySet({ keys: [ec, ed] }, STRICT);

    expect(admitted.map((key) => key.kid)).toEqual([ec['kid'], ed['kid']]);
  });

  it.each<[unknown]>([
    [undefined],
    [null],
    [[]],
    ['keys'],
    [{}],
    [{ keys: null }],
    [{ keys: {} }],
    [{ keys: [] }],
    [{ keys: Array.from({ length: MAX_KEYS_IN_SET + 1 }, () => ({})) }],
    [{ keys: Array.from({ length: 10_000 }, () => null) }],
  ])('is refused when it is none or has no sensible number of keys: %#', async (input) => {
    expect(await setFault(input)).toMatch(/^keys must be/);
  });

  it.each([null, [], {}, 'x', { kty: 'oct', k: 'AAAA', kid: 'k', use: 'sig', alg: 'HS256' }])(
    'is refused for one bad key among good ones: %j',
    async (bad) => {
      expect(await setFault({ keys: [ec, bad, ed] })).toMatch(/^keys\[1\]: /);
    },
  );

  it('is refused when a kid or a key is there twice', async () => {
    const oaep = { ...ps, kid: 'other', use: 'enc', alg: 'RSA-OAEP-256' };

    expect(await setFault({ keys: [ec, { ...ed, kid: ec['kid'] }] })).toMatch(/^keys\[1\]: kid/);
    expect(await setFault({ keys: [ec, { ...ec, kid: 'other' }] })).toMatch(/^keys\[1\]: the key/);
    expect(await setFault({ keys: [ps, oaep] })).toMatch(/^keys\[1\]: the key/);
  });
});

describe('whatever it is given, the key policy', () => {
  const members = [
    'kty',
    'crv',
    'x',
    'y',
    'n',
    'e',
    'pub',
    'd',
    'use',
    'alg',
    'kid',
    'key_ops',
    'ext',
  ];
  const values = fc.oneof(
    fc.constantFrom('EC', 'RSA', 'OKP', 'AKP', 'P-256', 'Ed25519', 'ES256', 'sig', 'AQAB'),
    fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((b) => Buffer.from(b).toString('base64url')),
    fc.anything({ withBigInt: true, withNullPrototype: true }),
  );
  const jwks = fc.dictionary(fc.constantFrom(...members), values);
  it('throws Refused and nothing else', async () => {
    const changed = jwks.map((change) => ({ ...ec, ...change }));
    await fc.assert(
      fc.asyncProperty(fc.oneof(jwks, changed, fc.anything()), async (input) => {
        const answers = [
          settle(admitKey(input, STRICT)),
          settle(admitKeySet({ keys: [input] }, STRICT)),
        ];
        answers.push(settle(admitKeySet(input, STRICT)), settle(SigningKey.import(input)));
        expect((await Promise.all(answers)).join()).not.toMatch(/threw/);
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it('throws Refused for an object that throws at every touch', async () => {
    const hostile: unknown = new Proxy({}, { ownKeys: trap, get: trap, getPrototypeOf: trap });
    const getter = Object.defineProperty({ ...ec }, 'x', { enumerable: true, get: trap });

    for (const input of [hostile, getter]) {
      const sets = [admitKeySet(input, STRICT), admitKeySet({ keys: [input] }, STRICT)];
      const answers = [
        settle(admitKey(input, STRICT)),
        settle(SigningKey.import(input)),
        ...sets.map(settle),
      ];
      expect((await Promise.all(answers)).join()).not.toMatch(/threw|admitted/);
    }
  });
});
