import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Forge } from '../support/forge.js';
import type { Partner } from '../support/partner.js';
import { until } from '../support/until.js';
import { type Answered, request } from '../support/wire.js';
import { World } from '../support/world.js';

/** A second gives one, and whoever was quiet may spend this many at once. */
const BURST = 40;

function spent(answers: readonly Answered[]): { passed: number; refused: Answered[] } {
  const refused = answers.filter(({ status }) => status === 429);
  return { passed: answers.length - refused.length, refused };
}

/** What a bucket gives in this time: its burst and one a second, and what a slow machine adds. */
function most(sinceMs: number): number {
  return BURST + Math.ceil((performance.now() - sinceMs) / 1000) + 1;
}

async function flood(many: number, one: (n: number) => Promise<Answered>): Promise<Answered[]> {
  return Promise.all(Array.from({ length: many }, (_, n) => one(n)));
}

const envelope = (
  url: string,
  text: string,
  headers: Record<string, string> = {},
): Promise<Answered> =>
  request(url, 'POST', '/v1/envelopes', { text, type: 'application/jwt', headers });

describe('the budget of an address', () => {
  let world: World;
  let urls: readonly string[];

  beforeAll(async () => {
    world = await World.make({
      settings: {
        TRUST_PROXY: '127.0.0.0/8',
        RATE_ADDRESS_PER_SECOND: '1',
        RATE_BURST_SECONDS: String(BURST),
      },
    });
    urls = [world.url, await world.start(['api'])];
  });
  afterAll(() => world.stop());

  const from = (address: string) => ({ 'x-forwarded-for': address });

  it.each([
    ['POST', '/v1/envelopes', 'application/jwt', 'eyJ.eyJ.x'],
    ['POST', '/oauth/token', 'application/x-www-form-urlencoded', 'grant_type=x'],
    ['POST', '/v1/partners', 'application/json', '{}'],
    ['GET', '/v1/keys', 'application/json', undefined],
  ])('bounds %s %s over all processes', async (method, path, type, text) => {
    const address = `192.0.2.${method.length * 20 + path.length + (text?.length ?? 0)}`;
    const began = performance.now();

    const answers = await flood(100, (n) =>
      request(urls[n % 2] ?? '', method, path, {
        headers: from(address),
        ...(text === undefined ? {} : { text, type }),
      }),
    );

    const { passed, refused } = spent(answers);
    expect(passed).toBeGreaterThanOrEqual(BURST);
    expect(passed).toBeLessThanOrEqual(most(began));
    for (const { headers, body } of refused) {
      expect(body['code']).toBe('rate_limited');
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(headers.get('ratelimit-policy')).toBe(`"address";q=${BURST};w=${BURST}`);
      expect(headers.get('ratelimit')).toMatch(/^"address";r=\d+;t=\d+$/);
    }
  });

  it('is told before it is spent', async () => {
    const left = async (): Promise<number> => {
      const { headers } = await envelope(world.url, 'x', from('198.51.100.1'));
      return Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
    };

    const first = await left();
    const second = await left();

    expect(first).toBe(BURST - 1);
    expect(second).toBe(first - 1);
  });

  it('is its own: another address is answered, and nobody counts /health', async () => {
    await flood(60, () => envelope(world.url, 'x', from('203.0.113.1')));

    const other = await envelope(world.url, 'x', from('203.0.113.2'));
    const health = await request(world.url, 'GET', '/health/live', {
      headers: from('203.0.113.1'),
    });

    expect(other.status).toBe(400);
    expect(health.status).toBe(200);
  });

  it('is that of a whole /64', async () => {
    const began = performance.now();

    const answers = await flood(60, (n) =>
      envelope(world.url, 'x', from(`2001:db8:1:2::${n.toString(16)}`)),
    );

    expect(spent(answers).passed).toBeLessThanOrEqual(most(began));
  });

  it('is of the last address before the proxy: what the caller puts before that means nothing', async () => {
    const began = performance.now();

    const answers = await flood(60, (n) =>
      envelope(world.url, 'x', from(`10.0.0.${n}, 203.0.113.77`)),
    );

    expect(spent(answers).passed).toBeLessThanOrEqual(most(began));
  });
});

describe('without TRUST_PROXY', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make({
      settings: { RATE_ADDRESS_PER_SECOND: '1', RATE_BURST_SECONDS: String(BURST) },
    });
  });
  afterAll(() => world.stop());

  it.each(['x-forwarded-for', 'x-real-ip', 'forwarded', 'x-client-ip'])(
    'nobody gets a new budget by %s',
    async (header) => {
      const began = performance.now();

      const answers = await flood(60, (n) => {
        const value = header === 'forwarded' ? `for=192.0.2.${n}` : `192.0.2.${n}`;
        return envelope(world.url, 'x', { [header]: value });
      });

      expect(spent(answers).passed).toBeLessThanOrEqual(most(began));
    },
  );
});

describe('the budget of a partner', () => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let forge: Forge;
  let elsewhere: string;

  beforeAll(async () => {
    world = await World.make({
      settings: { RATE_PARTNER_PER_SECOND: '1', RATE_BURST_SECONDS: String(BURST) },
    });
    elsewhere = await world.start(['api']);
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    await bob.allow(alice);
    forge = new Forge(world, alice, bob);
  });
  afterAll(() => world.stop());

  const left = async (): Promise<number> => {
    const { headers } = await request(world.url, 'GET', '/v1/keys', { token: await alice.token() });
    return Number(/"partner";r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
  };

  it('is not spent by who only names it, and is by who signs', async () => {
    const stranger = await world.stranger('mallory');
    const [key] = stranger.keys;
    const before = await left();

    const forged = await flood(60, async (n) =>
      envelope(
        world.url,
        await forge.token(`no-${n}`, key ? { key, header: { kid: forge.key['kid'] } } : {}),
      ),
    );
    const between = await left();
    const honest = await envelope(world.url, await forge.token('one'));

    expect(new Set(forged.map(({ status }) => status))).toEqual(new Set([401]));
    expect(between).toBeGreaterThanOrEqual(before - 1);
    expect(honest.status).toBe(202);
    expect(honest.headers.get('ratelimit-policy')).toBe(
      `"address";q=80000;w=${BURST}, "partner";q=${BURST};w=${BURST}`,
    );
    expect(await left()).toBeLessThan(between);
  });

  it('bounds its envelopes over all processes, and no other partner feels it', async () => {
    const began = performance.now();

    const answers = await flood(100, async (n) =>
      envelope(n % 2 === 0 ? world.url : elsewhere, await forge.token(`many-${n}`)),
    );

    const { passed, refused } = spent(answers);
    expect(passed).toBeLessThanOrEqual(most(began));
    expect(refused[0]?.body).toMatchObject({ code: 'rate_limited' });
    expect(refused[0]?.headers.get('ratelimit')).toMatch(/"partner";r=0;t=\d+$/);
    expect(await world.rows('select jti from identity where iss = $1', ['alice'])).toHaveLength(
      passed + 1,
    );
    const other = await request(world.url, 'GET', '/v1/keys', { token: await bob.token() });
    expect(other.status).toBe(200);
  });

  it('bounds each envelope of a batch for itself', async () => {
    const carol = await world.partner('carol');
    await bob.allow(carol);
    const own = new Forge(world, carol, bob);
    const envelopes = await Promise.all(
      Array.from({ length: 60 }, (_, n) => own.token(`batch-${n}`)),
    );

    const answer = await request(world.url, 'POST', '/v1/envelopes', {
      token: await carol.token(),
      json: { envelopes },
    });

    const results = answer.body['results'] as { status: number; code?: string }[];
    const refused = results.filter(({ status }) => status === 429);
    expect(answer.status).toBe(200);
    expect(results).toHaveLength(60);
    expect(refused.length).toBeGreaterThanOrEqual(15);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['rate_limited']));
  });
});

describe('what waits between two', () => {
  let world: World;
  let alice: Partner;
  let bob: Partner;

  beforeAll(async () => {
    world = await World.make({
      settings: { PAIR_WAITING_COUNT: '5', PAIR_WAITING_BYTES: '20000' },
    });
    [alice, bob] = await Promise.all([world.partner('alice'), world.partner('bob')]);
    await bob.allow(alice);
  });
  afterAll(() => world.stop());

  it('is capped, whatever comes at once; a repeat is answered; room comes by taking', async () => {
    const forge = new Forge(world, alice, bob);
    const tokens = await Promise.all(Array.from({ length: 30 }, (_, n) => forge.token(`cap-${n}`)));

    const answers = await Promise.all(tokens.map((token) => envelope(world.url, token)));

    const taken = answers.flatMap(({ status }, n) => (status === 202 ? [n] : []));
    const refused = answers.filter(({ status }) => status !== 202);
    expect(taken.length).toBe(5);
    for (const { status, body, headers } of refused) {
      expect([status, body['code']]).toEqual([429, 'over_quota']);
      expect(headers.get('retry-after')).toBe('30');
      expect(headers.get('ratelimit-policy')).toBe('"pair";q=5');
      expect(headers.get('ratelimit')).toBe('"pair";r=0');
    }
    const again = await envelope(world.url, tokens[taken[0] ?? 0] ?? '');
    expect([again.status, again.body['receipt']]).toEqual([
      202,
      answers[taken[0] ?? 0]?.body['receipt'],
    ]);

    const { sets } = await bob.poll({ returnImmediately: true });
    await bob.poll({ ack: Object.keys(sets), maxEvents: 0, returnImmediately: true });
    await until('there is room again', async () => (await alice.sends(bob)).status === 200);
  });

  it('is capped by bytes too, and holds up no other pair', async () => {
    const carol = await world.partner('carol');
    const dora = await world.partner('dora');
    await carol.allow(dora);
    await carol.allow(alice);
    const data = 'x'.repeat(12_000);

    const first = await dora.sends(carol, { data });
    const second = await dora.sends(carol, { data });
    const other = await alice.sends(carol, { data: 'x' });

    expect(first.status).toBe(200);
    expect(second).toMatchObject({ status: 429, code: 'over_quota' });
    expect(other.status).toBe(200);
  });
});

describe('unverified requests of one process', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.make({ settings: { UNVERIFIED_IN_FLIGHT: '1' } });
  });
  afterAll(() => world.stop());

  it('are only so many at once, and give their place back', async () => {
    const stranger = await world.stranger('mallory');
    const forge = new Forge(world, stranger, stranger);
    const tokens = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        forge.token(`u-${n}`, { claims: { iss: `nobody-${n}` } }),
      ),
    );

    const answers = await Promise.all(tokens.map((token) => envelope(world.url, token)));

    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([401, 503]));
    expect(answers.find(({ status }) => status === 503)?.body['code']).toBe('unavailable');
    expect((await envelope(world.url, 'x')).status).toBe(400);
  });
});
