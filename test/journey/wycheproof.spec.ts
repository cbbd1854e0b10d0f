import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitKeySet, type AdmittedKey } from '../../src/crypto/index.js';
import { Refused } from '../../src/envelope/index.js';
import { base64url, Forge, leftBehind, post, rawSignature } from '../support/forge.js';
import type { Outcome } from '../support/partner.js';
import { World } from '../support/world.js';

const VECTORS = resolve(process.cwd(), '../shared/vectors/wycheproof');
const present = existsSync(VECTORS);
const absence = present ? '' : ` (skipped: no test vectors in ${VECTORS})`;

type Jwk = Record<string, unknown>;
interface Case {
  readonly tcId: number;
  readonly jws: unknown;
  readonly result: 'valid' | 'invalid';
}
interface Group {
  readonly comment: string;
  readonly public?: Jwk;
  readonly private: Jwk;
  readonly tests: readonly Case[];
}

function groups(): readonly Group[] {
  if (!present) return [];
  const file = resolve(VECTORS, 'json_web_signature_test.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { testGroups: Group[] }).testGroups;
}

/** The group's key under the key policy; undefined when the policy refuses it. */
async function admitted(group: Group): Promise<AdmittedKey | undefined> {
  const { use = 'sig', ...given } = group.public ?? group.private;
  try {
    return (await admitKeySet({ keys: [{ ...given, use }] }, { allowRs256: true }))[0];
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

/** Answers that came before any claim was believed. */
const BEFORE_CLAIMS = [
  'envelope_malformed',
  'header_not_allowed',
  'alg_not_allowed',
  'key_unknown',
  'signature_invalid',
  // `iss` is read to find the key; a payload that names no partner ends there.
  'claims_invalid',
];

describe.skipIf(!present)(`Wycheproof's signatures posted to the service${absence}`, () => {
  let world: World;

  beforeAll(async () => {
    world = await World.make();
    const bob = await world.partner('bob');
    await world.rows(
      `insert into partner (id, name, contact, status, rs256_allowed, created_at, updated_at)
        values ('wycheproof', 'Wycheproof', 'none@example.com', 'active', true, now(), now())`,
    );
    await bob.call('PUT', '/v1/grants/wycheproof', { json: { types: ['*'], sealedOnly: false } });
  });
  afterAll(() => world.stop());

  /** Makes the group's key the partner's, as registration under the policy would have. */
  async function register(key: AdmittedKey): Promise<void> {
    await world.rows(
      `insert into partner_key (partner_id, kid, use, alg, jkt, jwk, status, created_at)
        values ('wycheproof', $1, 'sig', $2, $3, $4, 'active', now()) on conflict do nothing`,
      [key.kid, key.alg, key.jkt, JSON.stringify(key.jwk)],
    );
  }

  it.each(groups().map((group, i) => ({ name: `${i} ${group.comment}`, group })))(
    'group $name: no case is accepted, none breaks anything, nothing is left behind',
    async ({ group }) => {
      const key = await admitted(group);
      if (key !== undefined) await register(key);
      const before = await leftBehind(world);

      const answers: Outcome[] = [];
      for (const { jws } of group.tests)
        answers.push(await post(world.url, typeof jws === 'string' ? jws : JSON.stringify(jws)));

      for (const { code } of answers) expect(BEFORE_CLAIMS).toContain(code);
      expect(await leftBehind(world)).toEqual(before);
    },
  );

  // The payloads of the vectors are no envelopes, so the cases above end early. Here the same headers,
  // keys and signatures stand in an envelope that would be accepted but for them.
  it('no signature of a case holds for an envelope of its key, and its own signature does', async () => {
    const bob = await world.stranger('bob');
    let envelopes = 0;
    let grafted = 0;
    for (const group of groups()) {
      const key = await admitted(group);
      if (key === undefined || !['ES256', 'PS256', 'RS256'].includes(key.alg)) continue;
      await register(key);
      const [row] = await world.rows(`select 1 from partner_key where kid = $1 and jkt = $2`, [
        key.kid,
        key.jkt,
      ]);
      if (row === undefined) continue;
      const sender = Object.assign(Object.create(null) as object, { id: 'wycheproof' });
      const forge = new Forge(world, sender as Forge['sender'], bob);
      const header = base64url(
        JSON.stringify({ typ: 'sealpost-envelope+jwt', alg: key.alg, kid: key.kid }),
      );
      const text = `${header}.${base64url(JSON.stringify(forge.claims(`w-${++envelopes}`)))}`;
      const own = { ...group.private, alg: key.alg };
      const signatures = new Set(
        group.tests.map(({ jws }) => (typeof jws === 'string' ? (jws.split('.')[2] ?? '') : '')),
      );
      const before = await leftBehind(world);
      const codes = new Set<unknown>();
      for (const signature of signatures) {
        codes.add((await post(world.url, `${text}.${signature}`)).code);
        grafted++;
      }
      for (const code of codes) expect(['signature_invalid', 'envelope_malformed']).toContain(code);
      expect(await leftBehind(world)).toEqual(before);
      const valid = `${text}.${base64url(await rawSignature(own, text))}`;
      expect(await post(world.url, valid)).toMatchObject({ status: 202 });
    }
    expect(envelopes).toBeGreaterThanOrEqual(3);
    expect(grafted).toBeGreaterThan(100);
  });
});
