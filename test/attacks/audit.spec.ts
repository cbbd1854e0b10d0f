import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity } from '../../src/client/index.js';
import { Partner } from '../support/partner.js';
import { ISSUER, World } from '../support/world.js';

interface Entry {
  readonly seq: number;
  readonly at: string;
  readonly actor: { readonly id: string; readonly scope: string; readonly jkt?: string };
  readonly action: string;
  readonly partner: string;
  readonly target: string;
  readonly from?: Record<string, unknown>;
  readonly to?: Record<string, unknown>;
  readonly hash: string;
}
interface Page {
  readonly items: Entry[];
  readonly next?: string;
}

let world: World;
let operator: Partner;

beforeAll(async () => {
  world = await World.make();
  operator = await world.operator();
});
afterAll(() => world.stop());

const trail = (reader: Partner, query = ''): Promise<Page> =>
  reader.call<Page>('GET', `/v1/audit${query}`);
const verdict = (): Promise<unknown> => operator.call('GET', '/v1/audit/verify');

async function jktOf(partner: Partner): Promise<unknown> {
  const { items } = await partner.call<{ items: { use: string; jkt: string }[] }>(
    'GET',
    '/v1/keys',
  );
  return items.find((key) => key.use === 'sig')?.jkt;
}

describe('the audit trail (ATTACKS 305)', () => {
  it('says who changed what, when, from what to what', async () => {
    const receiver = await world.receiver();
    const alice = await world.partner('alice');
    const jkt = await jktOf(alice);
    const peer = await world.partner('peer');
    await alice.allow(peer, ['a.*']);
    await alice.allow(peer, ['b.*'], true);
    await alice.call('DELETE', '/v1/grants/peer');
    const endpoint = await alice.listens(receiver);
    await alice.call('PATCH', `/v1/endpoints/${endpoint}`, { json: { types: ['c'] } });
    await alice.call('DELETE', `/v1/endpoints/${endpoint}`);
    const next = await Identity.generateKey('sig', 'Ed25519');
    await alice.call('POST', '/v1/keys', {
      json: await alice.identity.newKey(next.privateJwk, ISSUER),
    });
    const kid = String(next.privateJwk['kid']);
    await alice.call('POST', `/v1/keys/${kid}/retire`);
    await alice.call('POST', `/v1/keys/${kid}/revoke`, { json: { reason: 'lost' } });
    await operator.call('POST', '/v1/partners/alice/approve', { json: { rs256: true } });
    await operator.call('POST', '/v1/partners/alice/suspend');
    await operator.call('POST', '/v1/partners/alice/reactivate');
    await operator.call('POST', '/v1/invites', { json: { id: 'alice' } });

    const { items } = await trail(operator, '?partner=alice&limit=100');

    const told = items
      .toReversed()
      .map(({ action, actor, target }) => [action, actor.scope, target]);
    expect(told).toEqual([
      ['registration.created', 'none', expect.any(String)],
      ['partner.approved', 'operator', 'alice'],
      ['grant.put', 'partner', 'peer'],
      ['grant.put', 'partner', 'peer'],
      ['grant.withdrawn', 'partner', 'peer'],
      ['endpoint.created', 'partner', endpoint],
      ['endpoint.verified', 'exchange', endpoint],
      ['endpoint.changed', 'partner', endpoint],
      ['endpoint.deleted', 'partner', endpoint],
      ['key.added', 'partner', kid],
      ['key.retired', 'partner', kid],
      ['key.revoked', 'partner', kid],
      ['partner.changed', 'operator', 'alice'],
      ['partner.suspended', 'operator', 'alice'],
      ['partner.reactivated', 'operator', 'alice'],
      ['invite.created', 'operator', 'alice'],
    ]);
    const of = (action: string): Entry | undefined => items.find((one) => one.action === action);
    expect(of('grant.put')).toMatchObject({
      actor: { id: 'alice', jkt },
      from: { types: ['a.*'], sealedOnly: false },
      to: { types: ['b.*'], sealedOnly: true },
    });
    expect(of('key.revoked')).toMatchObject({
      from: { status: 'retired' },
      to: { status: 'revoked', reason: 'lost' },
    });
    expect(of('partner.suspended')?.actor.jkt).toMatch(/^[\w-]{43}$/);
    expect(await verdict()).toMatchObject({ intact: true });
  });

  it('keeps no key material, no challenge, no invite, no path or query of a URL', async () => {
    const carol = await world.partner('carol');
    const { invite } = await operator.call<{ invite: string }>('POST', '/v1/invites', {
      json: { id: 'dave' },
    });
    const dave = await world.stranger('dave');
    await dave.register({ name: 'Dave', contact: 'dave@dave.example', invite });
    const receiver = await world.receiver();
    const url = `${receiver.url}/path-secret?token=query-secret`;
    await carol.call('POST', '/v1/endpoints', { json: { url } });

    const [rows, challenges] = await Promise.all([
      world.rows<{ entry: string }>('select entry from audit'),
      world.rows<{ challenge: string }>('select challenge from endpoint'),
    ]);

    const text = rows.map(({ entry }) => entry).join('\n');
    const material = [carol, dave].flatMap(({ keys }) =>
      keys.flatMap((key) => [key['x'], key['d']]),
    );
    for (const secret of [...material, ...challenges.map((one) => one.challenge), invite])
      expect(text).not.toContain(secret);
    expect(text).not.toMatch(/path-secret|query-secret/);
    expect(text).toContain(new URL(url).origin);
  });

  it('has nothing of a change that was refused, or that says again what is', async () => {
    const [erin, frank] = [await world.partner('erin'), await world.partner('frank')];
    await frank.allow(erin);
    const before = (await trail(operator, '?limit=1')).items[0]?.seq;

    await frank.allow(erin);
    await erin.try(erin.call('POST', '/v1/keys/nope/revoke', { json: {} }));
    await erin.try(erin.call('DELETE', '/v1/grants/frank'));
    await erin.try(erin.call('POST', '/v1/endpoints', { json: { url: 'http://10.0.0.1/' } }));
    await operator.call('POST', '/v1/partners/erin/reactivate');
    await operator.call('POST', '/v1/partners/erin/approve');

    expect((await trail(operator, '?limit=1')).items[0]?.seq).toBe(before);
  });

  it('shows a partner what it did and what is its own, and nothing of others', async () => {
    const [gina, hugo] = [await world.partner('gina'), await world.partner('hugo')];
    await gina.allow(hugo);
    await operator.call('POST', '/v1/partners/gina/suspend');
    await operator.call('POST', '/v1/partners/gina/reactivate');

    const seen = async (reader: Partner) =>
      (await trail(reader, '?limit=100')).items.map((one) => one.partner);

    expect(new Set(await seen(gina))).toEqual(new Set(['gina']));
    expect((await trail(gina)).items[0]).toMatchObject({
      action: 'partner.reactivated',
      actor: { id: 'operator' },
    });
    expect(new Set(await seen(hugo))).toEqual(new Set(['hugo']));
    expect((await trail(hugo, '?partner=gina')).items).toEqual([]);
    expect(await gina.try(gina.call('GET', '/v1/audit/verify'))).toMatchObject({
      status: 403,
      code: 'forbidden',
    });
  });

  it('is searched by actor, target, action and time, and comes in pages to its end', async () => {
    const [iris, jane] = [await world.partner('iris'), await world.partner('jane')];
    for (const type of ['a', 'b', 'c']) await iris.allow(jane, [type]);
    const all = await trail(operator, '?actor=iris&limit=100');

    const pages: Entry[] = [];
    for (let next: string | undefined = ''; next !== undefined;) {
      const after: string = next === '' ? '' : `&after=${next}`;
      const page: Page = await trail(operator, `?actor=iris&limit=2${after}`);
      pages.push(...page.items);
      ({ next } = page);
    }

    expect(pages).toEqual(all.items);
    expect(all.items).toHaveLength(4); // its registration and three grants
    const [newest] = all.items;
    const since = encodeURIComponent(newest?.at ?? '');
    const count = async (query: string) => (await trail(operator, query)).items.length;
    expect(await count('?actor=iris&action=grant.put')).toBe(3);
    expect(await count('?partner=iris&target=jane')).toBe(3);
    expect(await count(`?actor=iris&since=${since}`)).toBe(1);
    expect(await count(`?actor=iris&until=${since}`)).toBe(3);
    for (const bad of ['?after=x', '?action=nope', '?since=yesterday', '?limit=0', '?who=x'])
      expect(await operator.try(trail(operator, bad))).toMatchObject({ status: 400 });
  });

  it('numbers without a gap what many change at once', async () => {
    const many = await Promise.all(Array.from({ length: 8 }, () => world.partner()));
    await Promise.all(many.flatMap((one) => many.map((other) => one.allow(other))));

    const rows = await world.rows<{ seq: string }>('select seq from audit order by seq');

    expect(rows.map(({ seq }) => Number(seq))).toEqual(rows.map((_, i) => i + 1));
    expect(await verdict()).toMatchObject({ intact: true, entries: rows.length });
  });
});

describe('a trail that somebody wrote over in the database (ATTACKS 319)', () => {
  const inTheMiddle = `(select seq from audit order by seq offset 2 limit 1)`;

  it('is refused to whoever does not know of it', async () => {
    for (const text of ['delete from audit', 'update audit set entry = entry', 'truncate audit'])
      await expect(world.rows(text)).rejects.toThrow('only ever added to');
  });

  it.each([
    [
      'an entry that was changed',
      `update audit set entry = replace(entry, '"at":"2', '"at":"1') where seq = 3`,
      3,
    ],
    ['an entry that was taken away', `delete from audit where seq = ${inTheMiddle}`, 3],
    ['the first entry taken away', 'delete from audit where seq = 1', 1],
    [
      'the last entry taken away',
      'delete from audit where seq = (select max(seq) from audit)',
      undefined,
    ],
    ['all entries taken away', 'delete from audit', 1],
    [
      'an entry put at the end',
      `insert into audit (seq, entry, hash) select max(seq) + 1, (array_agg(entry))[1], (array_agg(hash))[1] from audit`,
      undefined,
    ],
    ['a digest that was computed anew', `update audit set hash = sha256('x') where seq = 3`, 3],
  ])('shows %s', async (_what, text, at) => {
    const { entries } = (await verdict()) as { entries: number };
    const client = await world.db.connect();
    try {
      await client.query('create temporary table kept as select seq, entry, hash from audit');
      await client.query(`alter table audit disable trigger audit_append_only`);
      await client.query(text);

      const found = await verdict();

      const brokenAt = at ?? expect.any(Number);
      expect(found).toMatchObject({ intact: false, entries, brokenAt });
    } finally {
      await client.query('delete from audit');
      await client.query('insert into audit (seq, entry, hash) select * from kept');
      await client.query('drop table kept');
      await client.query(`alter table audit enable trigger audit_append_only`);
      client.release();
    }
    expect(await verdict()).toMatchObject({ intact: true, entries });
  });

  it('cannot say in its columns what its entry does not', async () => {
    await expect(world.rows(`update audit set actor = 'somebody'`)).rejects.toThrow(
      /generated|DEFAULT/,
    );
  });

  it('is not made by a clock that went back: the numbers have the order', async () => {
    const [kim, lea] = [await world.partner('kim'), await world.partner('lea')];
    await kim.token();
    world.clock.advance(-3_600_000);
    await kim.allow(lea);
    world.clock.advance(3_600_000);

    const { items } = await trail(operator, '?partner=kim&limit=2');

    expect(items.map(({ action }) => action)).toEqual(['grant.put', 'partner.approved']);
    expect(await verdict()).toMatchObject({ intact: true });
  });
});
