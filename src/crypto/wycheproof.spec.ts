import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Refused } from '../envelope/index.js';
import { isSignAlg } from './algorithms.js';
import { readHeader, splitCompact } from './compact.js';
import { admitKeySet, type AdmittedKey } from './key-policy.js';
import { VerificationKey } from './verification-key.js';

const VECTORS = resolve(process.cwd(), '../shared/vectors/wycheproof');
const present = existsSync(VECTORS);
const absence = present ? '' : ` (skipped: no test vectors in ${VECTORS})`;

type Jwk = Record<string, unknown>;
interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: unknown;
  readonly result: 'valid' | 'invalid';
}
interface Group {
  readonly public?: Jwk;
  readonly private: Jwk;
  readonly tests: readonly Case[];
}
interface Override {
  readonly file: string;
  readonly tcId: number;
  readonly sealpost: 'valid' | 'invalid';
}

interface VectorFile {
  readonly testGroups: readonly Group[];
  readonly overrides: readonly Override[];
}

function read(file: string): VectorFile {
  return JSON.parse(readFileSync(resolve(VECTORS, file), 'utf8')) as VectorFile;
}

/**
 * Upstream calls these valid and Sealpost refuses them by its own rules, which the overlay does not
 * list: its table of algorithms is smaller, and the key of RFC 7520 is printed in public and has a
 * kid with "@".
 */
const REFUSED_BY_POLICY: ReadonlyMap<string, readonly number[]> = new Map([
  [
    'RS384, RS512, PS384 and PS512 are not in the table',
    [...range(264, 271), ...range(320, 323), ...range(325, 328)],
  ],
  ['the key of RFC 7520', [345, 349]],
]);

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Who registers a key says what it is for; some groups leave `use` out, and only that is filled in. */
function completed(jwk: Jwk): Jwk {
  const { use = 'sig', ...rest } = jwk;
  return { ...rest, use };
}

function publicSet(group: Group): { keys: Jwk[] } {
  const given = group.public ?? group.private;
  const keys = (given['keys'] ?? [given]) as Jwk[];
  return { keys: keys.map(completed) };
}

/** The signature stage as it is: policy, key by kid, alg of the key, signature. */
async function verdict(keys: readonly AdmittedKey[], jws: unknown): Promise<string> {
  try {
    const compact = splitCompact(jws, 1024 * 1024);
    const { alg, kid } = readHeader(compact.headerBytes);
    const key = keys.find((candidate) => candidate.kid === kid);
    if (key === undefined) return 'invalid: key_unknown';
    if (!isSignAlg(alg)) return 'invalid: alg_not_allowed';
    await (await VerificationKey.import(key.jwk, key.jkt)).verify(compact.token, alg);
    return 'valid';
  } catch (error) {
    if (error instanceof Refused) return `invalid: ${error.code}`;
    throw error;
  }
}

interface Tally {
  readonly trueAccepts: number[];
  readonly falseAccepts: number[];
  readonly falseRefusals: number[];
  readonly policyRefusals: number[];
  cases: number;
}

async function run(file: string): Promise<Tally> {
  const { testGroups } = read(file);
  const { overrides } = read('SEALPOST-OVERLAY.json');
  const overlay = new Map(
    overrides.filter((o) => o.file === file).map((o) => [o.tcId, o.sealpost]),
  );
  const policy = file.includes('signature') ? [...REFUSED_BY_POLICY.values()].flat() : [];
  const tally: Tally = {
    trueAccepts: [],
    falseAccepts: [],
    falseRefusals: [],
    policyRefusals: [],
    cases: 0,
  };
  for (const group of testGroups) {
    const keys = await admitKeySet(publicSet(group), { allowRs256: true }).catch(
      (error: unknown) => {
        if (error instanceof Refused) return [];
        throw error;
      },
    );
    for (const { tcId, jws, result } of group.tests) {
      tally.cases++;
      const expected = overlay.get(tcId) ?? result;
      const accepted = (await verdict(keys, jws)) === 'valid';
      if (accepted) (expected === 'valid' ? tally.trueAccepts : tally.falseAccepts).push(tcId);
      else if (policy.includes(tcId)) tally.policyRefusals.push(tcId);
      else if (expected === 'valid') tally.falseRefusals.push(tcId);
    }
  }
  return tally;
}

describe.skipIf(!present)(`Wycheproof${absence}`, () => {
  it('answers the JWS cases: no false accept, no false refusal', async () => {
    const tally = await run('json_web_signature_test.json');

    expect(tally.falseAccepts).toEqual([]);
    expect(tally.falseRefusals).toEqual([]);
    expect(tally.policyRefusals).toHaveLength([...REFUSED_BY_POLICY.values()].flat().length);
    // ES256, RS256 and PS256, with empty, short and long payloads.
    expect(tally.trueAccepts).toEqual([
      18,
      33,
      ...range(259, 263),
      ...range(272, 275),
      287,
      288,
      378,
    ]);
    expect(tally.cases).toBe(401);
  });

  it('answers the JWK cases: no false accept, no false refusal', async () => {
    const tally = await run('json_web_key_test.json');

    expect(tally.falseAccepts).toEqual([]);
    expect(tally.falseRefusals).toEqual([]);
    expect(tally.trueAccepts).toEqual([5]);
    expect(tally.cases).toBe(26);
  });

  it('refuses the keys that it names weak for what is wrong with them', async () => {
    const { testGroups } = read('json_web_key_test.json');
    const why = async (tcId: number): Promise<string> => {
      const group = testGroups.find(({ tests }) => tests.some((test) => test.tcId === tcId));
      const set = group === undefined ? {} : publicSet(group);
      return admitKeySet(set, { allowRs256: true }).then(
        () => 'admitted',
        (error: unknown) => String(error),
      );
    };

    expect(await why(4)).toMatch(/private|kty/);
    expect(await why(7)).toMatch(/ROCA/);
    expect(await why(8)).toMatch(/bits/);
    expect(await why(9)).toMatch(/\be must be/);
    expect(await why(22)).toMatch(/curve/);
  });
});
