import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity } from '../../src/client/index.js';
import { Forge, leftBehind, post, refusal, twinOf } from '../support/forge.js';
import type { Outcome, Partner } from '../support/partner.js';
import { engines, ISSUER, World } from '../support/world.js';

const HOUR_MS = 3_600_000;

describe.each(engines())('an envelope is accepted once, on %s', (engine) => {
  let world: World;
  let urls: readonly [string, string];
  let bob: Partner;

  beforeAll(async () => {
    world = await World.make({ engine });
    urls = [world.url, await world.start()];
    bob = await world.partner('bob');
  });
  afterAll(() => world.stop());

  /** A sender of its own, whom bob lets send. */
  async function sender(alg: 'Ed25519' | 'ES256' = 'Ed25519'): Promise<Forge> {
    const partner = await world.partner(undefined, { alg });
    await bob.allow(partner);
    return new Forge(world, partner, bob);
  }

  async function accepts(token: string): Promise<Outcome> {
    const answer = await post(world.url, token);
    expect(answer).toMatchObject({ status: 202, state: 'accepted' });
    return answer;
  }

  async function counted(iss: string): Promise<Record<string, string> | undefined> {
    const [row] = await world.rows<Record<string, string>>(
      `select (select count(*) from identity where iss = $1) as identities,
        (select count(*) from envelope where iss = $1) as envelopes,
        (select count(*) from delivery where sender = $1) as deliveries,
        (select count(distinct id) from delivery where sender = $1) as distinct_deliveries`,
      [iss],
    );
    return row;
  }
  const ONCE = { identities: '1', envelopes: '1', deliveries: '1', distinct_deliveries: '1' };

  const both = (tokens: readonly string[]): Promise<Outcome[]> =>
    Promise.all(tokens.map((token, i) => post(urls[i % 2] ?? '', token)));

  describe('identical bytes again get 202 with the identical receipt, and nothing is delivered twice', () => {
    it('at either process', async () => {
      const forge = await sender();
      const token = await forge.token('again');
      const first = await accepts(token);

      for (const url of urls) expect(await post(url, token)).toEqual(first);

      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('after exp has passed: a repeat is answered before time', async () => {
      const forge = await sender();
      const token = await forge.token('late');
      const first = await accepts(token);

      const other = await forge.token('late', { claims: { data: { n: 2 } } });

      world.clock.advance(HOUR_MS);
      const answers = [await post(world.url, token), await post(world.url, other)];
      world.clock.advance(-HOUR_MS);

      expect(answers[0]).toEqual(first);
      expect(answers[1]).toMatchObject({ ...refusal('claims_invalid'), detail: 'exp' });
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('after the grant was withdrawn: a repeat is answered before policy', async () => {
      const forge = await sender();
      const token = await forge.token('granted');
      const first = await accepts(token);

      await bob.call('DELETE', `/v1/grants/${forge.sender.id}`);

      for (const url of urls) expect(await post(url, token)).toEqual(first);
      expect(await post(world.url, await forge.token('new'))).toMatchObject(refusal('not_granted'));
    });

    it('after sender and recipient were suspended: what was promised still holds', async () => {
      const forge = await sender();
      const token = await forge.token('held');
      const first = await accepts(token);
      const operator = await world.operator();

      await operator.call('POST', `/v1/partners/${forge.sender.id}/suspend`);
      await operator.call('POST', `/v1/partners/bob/suspend`);
      const repeated = await Promise.all(urls.map((url) => post(url, token)));
      const fresh = await post(world.url, await forge.token('new'));
      await operator.call('POST', `/v1/partners/bob/reactivate`);

      expect(repeated).toEqual([first, first]);
      expect(fresh).toMatchObject(refusal('partner_inactive'));
    });

    // DESIGN.md section 3: the look-up comes after the signature, and a key that may not sign any more
    // authenticates nobody, whatever it signed before.
    it.each(['retire', 'revoke'])('but not after its key was %sd: key_unknown', async (end) => {
      const forge = await sender();
      const { privateJwk } = await Identity.generateKey('sig', 'Ed25519');
      const json = await forge.sender.identity.newKey(privateJwk, ISSUER);
      await forge.sender.call('POST', '/v1/keys', { json });
      const token = await forge.token('keyed', { key: privateJwk });
      await accepts(token);

      const path = `/v1/keys/${String(privateJwk['kid'])}/${end}`;
      await forge.sender.call('POST', path, { json: {} });

      for (const url of urls) expect(await post(url, token)).toMatchObject(refusal('key_unknown'));
      expect(await post(world.url, await forge.token('keyed'))).toMatchObject(refusal('replayed'));
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });
  });

  describe('the same iss and jti with other bytes are replayed', () => {
    it('when the content differs', async () => {
      const forge = await sender();
      await accepts(await forge.token('same'));
      const before = await leftBehind(world);

      for (const url of urls) {
        const other = await forge.token('same', { claims: { data: { n: 2 } } });
        expect(await post(url, other)).toMatchObject(refusal('replayed'));
      }

      expect(await leftBehind(world)).toEqual(before);
    });

    it('when only the signature differs: the (r, n-s) twin of ES256 (ATTACKS 27)', async () => {
      const forge = await sender('ES256');
      const token = await forge.token('twin');
      await accepts(token);

      const answer = await post(world.url, twinOf(token));

      expect(answer).toMatchObject(refusal('replayed'));
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('when only the recipient differs', async () => {
      const forge = await sender();
      const carol = await world.partner();
      await carol.allow(forge.sender);
      await accepts(await forge.token('whoever'));

      const other = await forge.token('whoever', { claims: { aud: carol.id } });

      expect(await post(world.url, other)).toMatchObject(refusal('replayed'));
    });

    it('but not when another partner uses the same jti (ATTACKS 141)', async () => {
      const [one, other] = [await sender(), await sender()];

      const answers = [await accepts(await one.token('x')), await accepts(await other.token('x'))];

      expect(answers[0]?.['id']).not.toBe(answers[1]?.['id']);
    });

    it('nor when a refused envelope had used it (ATTACKS 162, 163)', async () => {
      const forge = await sender();
      const stranger = await world.stranger();
      const forged = await forge.token('free', {
        key: { ...stranger.keys[0], kid: forge.key['kid'] },
      });

      expect(await post(world.url, forged)).toMatchObject(refusal('signature_invalid'));

      await accepts(await forge.token('free'));
    });
  });

  describe('of 50 parallel requests to two processes', () => {
    it('with identical bytes all get the one receipt', async () => {
      const forge = await sender();
      const token = await forge.token('parallel');

      const answers = await both(Array.from({ length: 50 }, () => token));

      expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(answers[0]).toMatchObject({ status: 202, jti: 'parallel' });
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('with one jti and different bytes one is accepted and 49 are replayed', async () => {
      const forge = await sender();
      const tokens = await Promise.all(
        Array.from({ length: 50 }, (_, n) => forge.token('one', { claims: { data: { n } } })),
      );

      const answers = await both(tokens);

      const winner = answers.findIndex(({ status }) => status === 202);
      expect(answers.filter((one) => one.code === 'replayed')).toHaveLength(49);
      expect(await counted(forge.sender.id)).toEqual(ONCE);
      const [stored] = await world.rows('select body from envelope where iss = $1', [
        forge.sender.id,
      ]);
      expect(stored).toEqual({ body: tokens[winner] });
    });

    it('with one jti, each of two contents 25 times, the winner has 25 receipts alike', async () => {
      const forge = await sender();
      const [a, b] = await Promise.all(
        [1, 2].map((n) => forge.token('two', { claims: { data: { n } } })),
      );

      const answers = await both(Array.from({ length: 50 }, (_, i) => (i % 4 < 2 ? a : b) ?? ''));

      const accepted = answers.filter(({ status }) => status === 202);
      expect(accepted.length).toBeGreaterThanOrEqual(24);
      expect(accepted.length).toBeLessThanOrEqual(26);
      expect(new Set(accepted.map((one) => one['receipt'])).size).toBe(1);
      expect(answers.filter((one) => one.code === 'replayed')).toHaveLength(50 - accepted.length);
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('of eight partners with one jti all are accepted', async () => {
      const forges = await Promise.all(Array.from({ length: 8 }, () => sender()));
      const tokens = await Promise.all(forges.map((forge) => forge.token('everybody')));

      const answers = await both([...tokens, ...tokens]);

      expect(answers.every(({ status }) => status === 202)).toBe(true);
      expect(new Set(answers.map((one) => one['id'])).size).toBe(8);
    });
  });

  describe('in a batch', () => {
    it('results come in the order of the envelopes, each for itself', async () => {
      const forge = await sender();
      const other = await sender();
      const repeated = await forge.token('before');
      const before = await accepts(repeated);
      const batch = [
        await forge.token('b-1'),
        'not a token',
        await forge.token('b-2', { claims: { aud: 'nobody' } }),
        repeated,
        await other.token('b-3'),
        await forge.token('before', { claims: { data: 2 } }),
        await forge.token('b-4', { header: { alg: 'none' } }),
        '',
        'x'.repeat(1_048_577),
        await forge.token('b-5'),
      ];

      const answer = await send(forge, batch);

      expect(answer.status).toBe(200);
      expect(resultsOf(answer).map(({ status, code, jti }) => code ?? jti ?? status)).toEqual([
        'b-1',
        'envelope_malformed',
        'not_granted',
        'before',
        'forbidden',
        'replayed',
        'alg_not_allowed',
        'envelope_malformed',
        'too_large',
        'b-5',
      ]);
      expect(resultsOf(answer)[3]).toMatchObject({
        status: 202,
        id: before['id'],
        receipt: before['receipt'],
      });
      expect(resultsOf(answer)[4]).toMatchObject(refusal('forbidden'));
    });

    it('the envelope of another partner leaves nothing behind', async () => {
      const [forge, other] = [await sender(), await sender()];

      const answer = await send(forge, [await other.token('mine')]);

      expect(resultsOf(answer)).toMatchObject([refusal('forbidden')]);
      expect(await counted(other.sender.id)).toMatchObject({ identities: '0', deliveries: '0' });
      await accepts(await other.token('mine'));
    });

    it('twice the same are one: the identical receipt, one delivery', async () => {
      const forge = await sender();
      const token = await forge.token('doubled');

      const results = resultsOf(await send(forge, [token, token, token]));

      expect(new Set(results.map((one) => JSON.stringify(one))).size).toBe(1);
      expect(results[0]).toMatchObject({ status: 202, jti: 'doubled' });
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('twice the same jti with other bytes are one accepted and the others replayed', async () => {
      const forge = await sender();
      const tokens = await Promise.all(
        [1, 2, 3].map((n) => forge.token('clash', { claims: { data: n } })),
      );

      const results = resultsOf(await send(forge, tokens));

      expect(results.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
        202, 409, 409,
      ]);
      expect(await counted(forge.sender.id)).toEqual(ONCE);
    });

    it('overlapping batches at two processes accept each envelope once', async () => {
      const forge = await sender();
      const tokens = await Promise.all(
        Array.from({ length: 40 }, (_, i) => forge.token(`overlap-${i}`)),
      );

      const answers = await Promise.all([
        send(forge, tokens, urls[0]),
        send(forge, tokens.toReversed(), urls[1]),
        send(forge, tokens, urls[1]),
      ]);

      const [one, other, third] = answers.map(resultsOf);
      expect(one?.every(({ status }) => status === 202)).toBe(true);
      expect(other?.toReversed()).toEqual(one);
      expect(third).toEqual(one);
      expect(await counted(forge.sender.id)).toEqual({
        identities: '40',
        envelopes: '40',
        deliveries: '40',
        distinct_deliveries: '40',
      });
    });

    it('of 100 envelopes all are taken, and of 101 none', async () => {
      const forge = await sender();
      const tokens = await Promise.all(
        Array.from({ length: 101 }, (_, i) => forge.token(`many-${i}`)),
      );

      const tooMany = await send(forge, tokens);
      expect(await counted(forge.sender.id)).toMatchObject({ identities: '0' });
      const taken = await send(forge, tokens.slice(0, 100));

      expect(tooMany).toMatchObject(refusal('validation_failed'));
      expect(resultsOf(taken).filter(({ status }) => status === 202)).toHaveLength(100);
    });

    it('up to 16 MiB are taken, and one byte more is too large', async () => {
      const forge = await sender();
      const token = await forge.token('big');
      const access = await forge.sender.token();
      const bodyOf = (bytes: number): string => {
        const text = JSON.stringify({ envelopes: [token] });
        return text + ' '.repeat(bytes - text.length);
      };
      const most = 16 * 1_048_576;

      const larger = await post(world.url, bodyOf(most + 1), 'application/json', access);
      const largest = await post(world.url, bodyOf(most), 'application/json', access);

      expect(larger).toMatchObject(refusal('too_large'));
      expect(largest).toMatchObject({ status: 200, results: [{ status: 202, jti: 'big' }] });
    });

    it.each([
      ['no envelopes', {}],
      ['an empty list', { envelopes: [] }],
      ['no list', { envelopes: 'a.b.c' }],
      ['a list of other things', { envelopes: [1, null, {}] }],
      ['an unknown member', { envelopes: ['a.b.c'], more: 1 }],
      ['a list itself', ['a.b.c']],
    ])('that is %s is refused whole', async (_what, body) => {
      const forge = await sender();
      const token = await forge.sender.token();
      const answer = await post(world.url, JSON.stringify(body), 'application/json', token);
      expect(answer).toMatchObject(refusal('validation_failed'));
    });
  });
});

interface Result {
  readonly status: number;
  readonly code?: string;
  readonly jti?: string;
  readonly id?: string;
  readonly receipt?: string;
}

async function send(forge: Forge, envelopes: unknown, url = forge.world.url): Promise<Outcome> {
  const token = await forge.sender.token();
  return post(url, JSON.stringify({ envelopes }), 'application/json', token);
}
function resultsOf(answer: Outcome): readonly Result[] {
  return answer['results'] as Result[];
}
