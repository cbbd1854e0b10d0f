import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { refusal } from '../support/forge.js';
import { KeySetHost, type SetAnswer } from '../support/key-set-host.js';
import { type Outcome, Partner } from '../support/partner.js';
import { until } from '../support/until.js';
import { request } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

interface Source {
  readonly status: string;
  readonly goodUntil?: string;
  readonly nextFetchAt: string;
  readonly pending: readonly { readonly kid: string; readonly jkt: string }[];
}

/** ATTACKS 115, 116, 117, 207 and 240: keys that the exchange fetches from a partner's URL. */
describe('keys at a URL', () => {
  let world: World;
  let operator: Partner;
  let peer: Partner;
  let host: KeySetHost;

  beforeAll(async () => {
    world = await World.make({
      settings: { SWEEP_MS: '100', JWKS_REFRESH_MIN_MS: '300', JWKS_STALE_MS: '1500' },
    });
    [operator, peer] = [await world.operator(), await world.partner()];
  });
  afterAll(() => world.stop());
  beforeEach(async () => {
    host = await KeySetHost.start();
  });
  afterEach(() => host.stop());

  const publicKeys = (who: Partner): readonly object[] => who.identity.jwks.keys;
  const newSig = () => Identity.generateKey('sig', 'ES256');

  async function registration(who: Partner, more: object = {}): Promise<Record<string, unknown>> {
    const profile = { name: who.id, contact: 'ops@them.example' };
    const { jwks: _inline, ...body } = {
      ...(await who.identity.registration(profile, ISSUER)),
    } as Record<string, unknown>;
    return { ...body, ...more };
  }

  async function register(who: Partner, more: object = { jwksUri: host.url }): Promise<Outcome> {
    const json = await registration(who, more);
    const { status, body } = await request(world.url, 'POST', '/v1/partners', { json });
    return { ...body, status };
  }

  /** A partner whose keys are at the host, and were fetched once since it is one. */
  async function published(): Promise<Partner> {
    const who = await world.stranger();
    host.publish(publicKeys(who));
    await register(who);
    await operator.call('POST', `/v1/partners/${who.id}/approve`);
    await peer.allow(who);
    await fetchedAgain(who);
    return who;
  }

  const source = (who: Partner): Promise<Source> => who.call('GET', '/v1/keys/source');

  /** Resolves when a fetch that began from now on has had its effect. */
  async function fetchedAgain(who: Partner, by = who): Promise<Source | undefined> {
    const before = host.asked.length;
    await until('it was fetched twice', () => host.asked.length >= before + 2);
    return (await by.try(source(by)))['status'] === 401 ? undefined : source(by);
  }

  async function statusOf(who: Partner, kid: unknown): Promise<unknown> {
    const [row] = await world.rows<{ status: string }>(
      'select status from partner_key where partner_id = $1 and kid = $2',
      [who.id, kid],
    );
    return row?.status;
  }

  describe('at registration', () => {
    it('are taken from there, proved as always, and serve as any others', async () => {
      const who = await world.stranger();
      host.publish(publicKeys(who));

      expect(await register(who)).toMatchObject({ status: 201 });
      await operator.call('POST', `/v1/partners/${who.id}/approve`);
      await peer.allow(who);

      expect(await who.sends(peer)).toMatchObject({ state: 'accepted' });
      await until('it was fetched again', async () => (await source(who)).status === 'good');
    });

    it.each<[string, (url: string, keys: readonly object[]) => object]>([
      ['both', (jwksUri, keys) => ({ jwksUri, jwks: { keys } })],
      ['neither', () => ({})],
      ['a URL that is none', () => ({ jwksUri: 7 })],
    ])('are refused when there is %s', async (_what, more) => {
      const who = await world.stranger();
      host.publish(publicKeys(who));

      const answer = await register(who, more(host.url, publicKeys(who)));

      expect(answer).toMatchObject({ code: 'validation_failed' });
      expect(host.asked).toHaveLength(0);
    });

    it.each([
      ['at the exchange itself', `${ISSUER}/v1/partners/acme/jwks.json`],
      ['at the exchange itself, in another spelling', 'https://EXCHANGE.test:443/jwks.json'],
      ['in the URL', 'data:application/json,{"keys":[]}'],
      ['a blob', 'blob:https://them.example/1'],
      ['a file', 'file:///etc/passwd'],
      ['inside', 'https://169.254.169.254/latest'],
      ['behind a user name', 'https://user@them.example/jwks.json'],
    ])('are not fetched %s', async (_where, jwksUri) => {
      const answer = await register(await world.stranger(), { jwksUri });

      expect(answer).toMatchObject(refusal('url_rejected'));
    });

    const BAD: readonly (readonly [string, SetAnswer])[] = [
      ['404', { status: 404 }],
      ['500', { status: 500 }],
      ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/jwks.json' } }],
      ['HTML', { headers: { 'content-type': 'text/html' }, body: '<html>' }],
      ['no type of JSON', { headers: { 'content-type': 'text/plain' }, body: '{"keys":[]}' }],
      ['what is not JSON', { body: '{"keys":[' }],
      ['a member twice', { body: '{"keys":[],"keys":[]}' }],
      ['more than 64 KiB', { body: `{"keys":[],"pad":"${'x'.repeat(65_536)}"}` }],
      ['compressed', { headers: { 'content-encoding': 'gzip' }, body: '\u001f\u008b' }],
      ['nothing', { status: 204 }],
    ];

    it.each(BAD)('are not there: %s is url_rejected, and says no more', async (_what, answer) => {
      host.answer = () => answer;

      const refused = await register(await world.stranger());

      expect(refused).toMatchObject({ ...refusal('url_rejected'), detail: 'no key set is there' });
      expect(host.asked).toHaveLength(1);
    });

    it('are proved: the set of another partner makes nobody that partner', async () => {
      host.publish(publicKeys(peer));

      expect(await register(await world.stranger())).toMatchObject(refusal('proof_invalid'));
    });
  });

  describe('a new key in the set', () => {
    it('waits: it signs only when an active key has stated it', async () => {
      const who = await published();
      const { privateJwk, publicJwk } = await newSig();
      host.publish([...publicKeys(who), publicJwk]);
      const fresh = await Partner.make(who.id, world.url, { keys: [privateJwk] });

      await fetchedAgain(who);

      expect((await source(who)).pending).toMatchObject([{ kid: publicJwk.kid }]);
      expect(await fresh.sends(peer)).toMatchObject(refusal('key_unknown'));
      const json = await who.identity.newKey(privateJwk, ISSUER);
      await who.call('POST', '/v1/keys', { json });
      expect(await fresh.sends(peer)).toMatchObject({ state: 'accepted' });
      expect((await source(who)).pending).toEqual([]);
      host.publish(publicKeys(who));
      await until('it is retired when it is gone', async () => {
        return (await statusOf(who, publicJwk.kid)) === 'retired';
      });
    });

    it('or when the operator has approved it, by its thumbprint', async () => {
      const who = await published();
      const { privateJwk, publicJwk } = await newSig();
      // The old keys are lost: they are not in the set any more.
      host.publish([publicJwk]);
      const path = `/v1/partners/${who.id}/pending-keys`;
      const items = await until('it waits', async () => {
        const seen = await operator.call<{ items: { kid: string; jkt: string }[] }>('GET', path);
        return seen.items.length === 1 ? seen.items : undefined;
      });
      const approve = (jkt: unknown) =>
        operator.try(operator.call('POST', `${path}/${publicJwk.kid}/approve`, { json: { jkt } }));

      expect(await approve('A'.repeat(43))).toMatchObject(refusal('not_found'));
      expect(await approve(items[0]?.jkt)).toMatchObject({ status: 'active' });

      const fresh = await Partner.make(who.id, world.url, { keys: [privateJwk] });
      expect(await fresh.sends(peer)).toMatchObject({ state: 'accepted' });
      expect(await who.sends(peer)).toMatchObject(refusal('key_unknown'));
    });

    it('is approved by nobody but the operator', async () => {
      const who = await published();
      const path = `/v1/partners/${who.id}/pending-keys`;

      expect(await who.try(who.call('GET', path))).toMatchObject(refusal('forbidden'));
      const json = { jkt: 'A'.repeat(43) };
      expect(await who.try(who.call('POST', `${path}/x/approve`, { json }))).toMatchObject(
        refusal('forbidden'),
      );
    });

    it('that is another partner’s does not even wait', async () => {
      const who = await published();
      host.publish([...publicKeys(who), ...publicKeys(peer).map((key) => ({ ...key, kid: 'x' }))]);

      expect(await fetchedAgain(who)).toMatchObject({ status: 'good', pending: [] });
    });
  });

  describe('a key that is gone from the set', () => {
    it('is retired: it signs nothing new, and what it signed is delivered', async () => {
      const who = await published();
      const { privateJwk, publicJwk } = await newSig();
      await who.call('POST', '/v1/keys', {
        json: await who.identity.newKey(privateJwk, ISSUER),
      });
      const { id } = await who.send({ to: peer.id, type: 'a.b', data: 1 });

      host.publish([publicJwk]);
      const [first] = who.keys;
      await until('it is retired', async () => (await statusOf(who, first?.['kid'])) === 'retired');

      expect(await who.sends(peer)).toMatchObject(refusal('key_unknown'));
      const { sets } = await peer.poll({ returnImmediately: true });
      await peer.poll({ maxEvents: 0, ack: Object.keys(sets) });
      const fresh = await Partner.make(who.id, world.url, { keys: [privateJwk] });
      await fresh.reaches(id, 'acknowledged');
    });

    it('stays when it was never from there', async () => {
      const who = await published();
      const { privateJwk, publicJwk } = await newSig();
      await who.call('POST', '/v1/keys', {
        json: await who.identity.newKey(privateJwk, ISSUER),
      });

      await fetchedAgain(who);

      expect(await statusOf(who, publicJwk.kid)).toBe('active');
    });

    it('and all of it: a host in other hands gets nothing signed with its own', async () => {
      const who = await published();
      const mallory = await newSig();
      host.publish([mallory.publicJwk]);
      const [first] = who.keys;
      await until(
        'theirs are gone',
        async () => (await statusOf(who, first?.['kid'])) === 'retired',
      );

      const thief = await Partner.make(who.id, world.url, { keys: [mallory.privateJwk] });

      expect(await thief.sends(peer)).toMatchObject(refusal('key_unknown'));
      expect(await thief.try(thief.token())).toMatchObject({ status: 401 });
    });
  });

  describe('another key under a known kid', () => {
    it('is refused, and the old one stays', async () => {
      const who = await published();
      const [first, ...rest] = who.keys;
      const other = await Identity.generateKey('sig', 'Ed25519', { kid: String(first?.['kid']) });
      const enc = publicKeys(who).slice(1);
      host.publish([other.publicJwk, ...enc]);

      await fetchedAgain(who);

      expect(await who.sends(peer)).toMatchObject({ state: 'accepted' });
      const keys: PrivateJwk[] = [other.privateJwk, ...rest];
      const thief = await Partner.make(who.id, world.url, { keys });
      expect(await thief.sends(peer)).toMatchObject(refusal('signature_invalid'));
      expect((await source(who)).pending).toEqual([]);
    });
  });

  describe('a set that is not to be had', () => {
    it.each<[string, SetAnswer]>([
      ['500', { status: 500 }],
      ['HTML', { headers: { 'content-type': 'text/html' }, body: '<html>' }],
      ['no keys', { body: '{"keys":[]}' }],
    ])(
      '(%s) serves on for a bounded time, then its keys end, until it is back',
      async (_w, bad) => {
        const who = await published();
        const { answer } = host;
        host.answer = () => bad;
        await until('a fetch failed', async () => (await source(who)).status === 'failing');
        expect(await who.sends(peer)).toMatchObject({ state: 'accepted' });

        await until('it has ended', async () => (await who.sends(peer)).code === 'key_unknown');
        expect(await who.try(source(who))).toMatchObject(refusal('unauthorized'));

        host.answer = answer;
        await until('it is back', async () => (await who.sends(peer))['state'] === 'accepted');
      },
    );
  });

  describe('is fetched', () => {
    it('by nothing that a token says', async () => {
      const who = await published();
      host.publish(publicKeys(who), { 'cache-control': 'max-age=3600' });
      await until('it is not due', async () => {
        const { nextFetchAt } = await source(who);
        return Date.parse(nextFetchAt) - world.clock.now().getTime() > 1_000_000;
      });
      const before = host.asked.length;
      const stranger = await Partner.make(who.id, world.url, {
        keys: [(await newSig()).privateJwk],
      });

      const answers = await Promise.all(Array.from({ length: 50 }, () => stranger.sends(peer)));

      expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['key_unknown']));
      expect(host.asked).toHaveLength(before);
    });

    it('when its partner asks, once a minute', async () => {
      const who = await published();
      host.publish(publicKeys(who), { 'cache-control': 'max-age=3600' });
      await until('it is not due', async () => {
        const { nextFetchAt } = await source(who);
        return Date.parse(nextFetchAt) - world.clock.now().getTime() > 1_000_000;
      });
      const before = host.asked.length;

      const answers = await Promise.all(
        [1, 2, 3].map(() => who.try(who.call('POST', '/v1/keys/refresh'))),
      );

      await until('it was fetched', () => host.asked.length > before);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(2);
      expect(host.asked).toHaveLength(before + 1);
    });

    it('with its ETag, and 304 keeps it', async () => {
      const who = await published();
      const body = JSON.stringify({ keys: publicKeys(who) });
      host.answer = (headers) =>
        headers['if-none-match'] === '"one"'
          ? { status: 304, headers: { 'cache-control': 'max-age=0' } }
          : { body, headers: { etag: '"one"', 'cache-control': 'max-age=0' } };
      await until('it is asked for with its ETag', () =>
        host.asked.some((headers) => headers['if-none-match'] === '"one"'),
      );
      const before = Date.parse((await source(who)).goodUntil ?? '');

      await until('304 makes it last', async () => {
        return Date.parse((await source(who)).goodUntil ?? '') > before;
      });

      expect(await who.sends(peer)).toMatchObject({ state: 'accepted' });
    });

    it.each([
      ['max-age=999999999', 86_400_000],
      ['max-age=600', 600_000],
      ['no-store, max-age=600', 300],
      ['private', 3_600_000],
      ['max-age=x', 3_600_000],
    ])('again after what "%s" says, within bounds', async (caching, expectedMs) => {
      const who = await published();
      host.publish(publicKeys(who), { 'cache-control': caching });

      const aheadMs = await until('its word is taken', async () => {
        const { nextFetchAt } = await source(who);
        const ms = Date.parse(nextFetchAt) - world.clock.now().getTime();
        return Math.abs(ms - expectedMs) < 1_000 ? ms : undefined;
      });

      expect(aheadMs).toBeLessThanOrEqual(expectedMs);
    });
  });

  describe('is changed by its partner', () => {
    it('to a URL for keys that were inline, and back', async () => {
      const who = await world.partner();
      await peer.allow(who);
      host.publish(publicKeys(who));

      const put = (json: object) => who.try(who.call('PUT', '/v1/keys/source', { json }));
      expect(await put({ jwksUri: host.url })).toMatchObject({ status: 'new' });
      await until('it was fetched', async () => (await source(who)).status === 'good');
      expect(await put({ jwksUri: `${ISSUER}/x` })).toMatchObject(refusal('url_rejected'));
      await who.call('DELETE', '/v1/keys/source');

      expect(await who.try(source(who))).toMatchObject(refusal('not_found'));
      expect(await who.try(who.call('DELETE', '/v1/keys/source'))).toMatchObject(
        refusal('not_found'),
      );
      expect(await who.try(who.call('POST', '/v1/keys/refresh'))).toMatchObject(
        refusal('not_found'),
      );
      world.clock.advance(4_000);
      expect(await who.sends(peer)).toMatchObject({ state: 'accepted' });
    });
  });
});
