import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Identity, verifyReceipt } from '../../src/client/index.js';
import { type AttemptJobs, attemptJobs } from '../support/attempt-jobs.js';
import { expectOnlyFor, expectSoundLedger } from '../support/ledger.js';
import type { DeliveryView, Partner } from '../support/partner.js';
import type { Answer, Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { engines, ISSUER, World } from '../support/world.js';

/** An endpoint that is busy with one envelope, so that all others wait until it is let go. */
class BusyEndpoint {
  readonly #freed = Promise.withResolvers<Answer>();

  private constructor(
    readonly id: string,
    readonly receiver: Receiver,
  ) {}

  static async of(world: World, owner: Partner, sender: Partner): Promise<BusyEndpoint> {
    const receiver = await world.receiver();
    const busy = new BusyEndpoint(await owner.listens(receiver), receiver);
    receiver.answer = ({ claims }) =>
      claims['type'] === 'plug' ? busy.#freed.promise : { status: 202 };
    await sender.sends(owner, { type: 'plug' });
    await receiver.have(1);
    return busy;
  }

  free(): void {
    this.#freed.resolve({ status: 202 });
  }

  /** The ids of what came, the one that kept it busy left out. */
  get came(): unknown[] {
    return this.receiver.received
      .filter(({ claims }) => claims['type'] !== 'plug')
      .map(({ claims }) => claims['jti']);
  }
}

const SETTINGS = {
  ENDPOINT_IN_FLIGHT: '1',
  ENDPOINT_TIMEOUT_MS: '60000',
  SWEEP_MS: '100',
  RETRY_SCHEDULE_MS: '30',
};

const now = (polled: Partner) => polled.poll({ returnImmediately: true });

describe.each(engines())('verification before delivery on %s', (engine) => {
  let world: World;
  let operator: Partner;
  let carol: Partner;
  let alice: Partner;
  let bob: Partner;
  let mallory: Partner;
  let busy: BusyEndpoint;
  let mallorys: Receiver;

  beforeAll(async () => {
    world = await World.make({ engine, settings: SETTINGS });
    operator = await world.operator();
    carol = await world.partner('carol');
    mallory = await world.partner('mallory');
    await mallory.allow(carol);
    mallorys = await world.receiver();
    await mallory.listens(mallorys);
  });
  beforeEach(async () => {
    [alice, bob] = await Promise.all([world.partner(), world.partner()]);
    await Promise.all([bob.allow(alice), bob.allow(carol), mallory.allow(alice)]);
    busy = await BusyEndpoint.of(world, bob, carol);
  });
  afterEach(() => {
    expectOnlyFor(bob.id, busy.receiver.received);
    expectOnlyFor('mallory', mallorys.received);
  });
  afterAll(async () => {
    await expectSoundLedger(world);
    await world.stop();
  });

  /** Lets the endpoint go; what was sent last comes, so that whatever else would come has come. */
  async function freeAndWait(): Promise<void> {
    busy.free();
    await carol.sends(bob, { type: 'last', jti: `last-${bob.id}` });
    await until('the last one has come', () => busy.came.includes(`last-${bob.id}`));
  }

  /** What became of an envelope that must not get through. */
  async function endOf(id: unknown): Promise<object> {
    await freeAndWait();
    const { reason } = await bob.reaches(id, 'rejected');
    const receipts = (await bob.receipts(id)).map((one) => one.state);
    return { reason, receipts, came: busy.came };
  }

  const rejected = (reason: string): object => ({
    reason,
    receipts: ['accepted', 'rejected'],
    came: [`last-${bob.id}`],
  });

  describe('what changed while the envelope waited', () => {
    it('a revoked key: rejected', async () => {
      const { id } = await alice.sends(bob);

      await alice.call('POST', `/v1/keys/${String(alice.keys[0]?.['kid'])}/revoke`, { json: {} });

      expect(await endOf(id)).toEqual(rejected('key_unknown'));
    });

    it('a withdrawn grant: rejected', async () => {
      const { id } = await alice.sends(bob);

      await bob.call('DELETE', `/v1/grants/${alice.id}`);

      expect(await endOf(id)).toEqual(rejected('not_granted'));
    });

    it('a grant that no longer names the type: rejected', async () => {
      const { id } = await alice.sends(bob, { type: 'invoice.created' });

      await bob.allow(alice, ['order.*']);

      expect(await endOf(id)).toEqual(rejected('not_granted'));
    });

    it('a retired key: delivered', async () => {
      const { privateJwk } = await Identity.generateKey('sig', 'ES256');
      const json = await alice.identity.newKey(privateJwk, ISSUER);
      await alice.call('POST', '/v1/keys', { json });
      const { id, jti } = await alice.sends(bob);

      await alice.call('POST', `/v1/keys/${String(alice.keys[0]?.['kid'])}/retire`);

      await freeAndWait();
      await bob.reaches(id, 'delivered');
      expect(busy.came).toContain(jti);
    });

    it('a suspended sender: held, and delivered after reactivation', async () => {
      const { id, jti } = await alice.sends(bob);

      await operator.call('POST', `/v1/partners/${alice.id}/suspend`);

      await freeAndWait();
      expect(await bob.deliveries(String(id))).toMatchObject([{ state: 'waiting', attempts: [] }]);
      await operator.call('POST', `/v1/partners/${alice.id}/reactivate`);
      await bob.reaches(id, 'delivered');
      expect(busy.came).toEqual([`last-${bob.id}`, jti]);
    });

    it('a suspended recipient: held, and delivered after reactivation', async () => {
      const { id, jti } = await alice.sends(bob);

      await operator.call('POST', `/v1/partners/${bob.id}/suspend`);
      busy.free();
      await alice.sends(mallory, { jti: `other-${bob.id}` });
      await until('another recipient got hers', () =>
        mallorys.received.some(({ claims }) => claims['jti'] === `other-${bob.id}`),
      );

      expect(busy.came).toEqual([]);
      expect(await alice.deliveries(String(id))).toMatchObject([{ state: 'waiting' }]);
      await operator.call('POST', `/v1/partners/${bob.id}/reactivate`);
      await bob.reaches(id, 'delivered');
      expect(busy.came).toEqual([jti]);
    });
  });

  describe('what somebody wrote over in the database', () => {
    it('any one bit of the envelope: rejected', async () => {
      const sent = await Promise.all(Array.from({ length: 16 }, () => alice.sends(bob)));
      for (const [n, { id }] of sent.entries()) {
        const [row] = await world.rows<{ body: string }>(
          'select body from envelope where id = $1',
          [id],
        );
        const body = Buffer.from(row?.body ?? '');
        const at = Math.floor((n / sent.length) * body.length);
        body[at] = (body[at] ?? 0) ^ (1 << (n % 5));
        await world.rows('update envelope set body = $2 where id = $1', [
          id,
          body.toString('latin1'),
        ]);
      }

      await freeAndWait();

      await Promise.all(sent.map(({ id }) => bob.reaches(id, 'rejected')));
      expect(busy.came).toEqual([`last-${bob.id}`]);
    });

    it('two bodies, one for the other: both rejected', async () => {
      const [one, other] = [await alice.sends(bob), await alice.sends(bob)];
      await world.rows(
        `update envelope v set body = o.body from envelope o
         where v.id = any($1::uuid[]) and o.id = any($1::uuid[]) and v.id <> o.id`,
        [[one['id'], other['id']]],
      );

      expect(await endOf(one['id'])).toEqual(rejected('claims_invalid'));
      await bob.reaches(other['id'], 'rejected');
    });

    it.each([
      ['the digest', `update envelope set sha256 = sha256('x') where id = $1`],
      ['the jti', `update envelope set jti = 'another' where id = $1`],
      ['the type', `update envelope set type = 'another' where id = $1`],
      ["the key's thumbprint", `update envelope set jkt = 'another' where id = $1`],
      ['the kid', `update envelope set kid = 'another' where id = $1`],
      ['the sender', `update delivery set sender = 'carol' where envelope_id = $1`],
    ])('%s: rejected', async (_what, statement) => {
      const { id } = await alice.sends(bob);
      await world.rows(statement, [id]);

      await freeAndWait();

      await bob.reaches(id, 'rejected');
      expect(busy.came).toEqual([`last-${bob.id}`]);
    });

    it.each([
      ['recipient', `update delivery set recipient = 'mallory' where envelope_id = $1`],
      [
        'endpoint',
        `update delivery set endpoint_id = (select id from endpoint where partner_id = 'mallory')
         where envelope_id = $1`,
      ],
      [
        'recipient and endpoint',
        `update delivery set recipient = 'mallory',
           endpoint_id = (select id from endpoint where partner_id = 'mallory')
         where envelope_id = $1`,
      ],
      [
        'recipient everywhere',
        `with v as (update envelope set aud = 'mallory' where id = $1)
         update delivery set recipient = 'mallory',
           endpoint_id = (select id from endpoint where partner_id = 'mallory')
         where envelope_id = $1`,
      ],
    ])('the %s: rejected, and never sent to anybody', async (_what, statement) => {
      const { id, jti } = await alice.sends(bob);
      await world.rows(statement, [id]);

      await freeAndWait();

      await alice.reaches(id, 'rejected');
      expect(mallorys.received.map(({ claims }) => claims['jti'])).not.toContain(jti);
      expect(busy.came).toEqual([`last-${bob.id}`]);
    });
  });

  describe('what waits in an inbox', () => {
    let dora: Partner;

    beforeEach(async () => {
      dora = await world.partner();
      await dora.allow(alice);
    });

    it('is not shown with a bit flipped, and the rest is', async () => {
      const [bad, good] = [await alice.sends(dora), await alice.sends(dora)];
      await world.rows(
        `update envelope set body = overlay(body placing 'A' from 40) where id = $1`,
        [bad['id']],
      );

      const { sets } = await now(dora);

      expect(Object.keys(sets)).toEqual([(await alice.deliveries(String(good['id'])))[0]?.id]);
      expect(await alice.deliveries(String(bad['id']))).toMatchObject([{ state: 'rejected' }]);
    });

    it('is not shown to another whose name was written over', async () => {
      const { id } = await alice.sends(dora);
      await world.rows(`update delivery set recipient = 'mallory' where envelope_id = $1`, [id]);

      expect(await now(mallory)).toEqual({ sets: {} });
      expect(await alice.deliveries(String(id))).toMatchObject([{ state: 'rejected' }]);
    });

    it('is not shown after the grant is withdrawn', async () => {
      const { id } = await alice.sends(dora);
      await dora.call('DELETE', `/v1/grants/${alice.id}`);

      expect(await now(dora)).toEqual({ sets: {} });
      expect(await alice.deliveries(String(id))).toMatchObject([
        { state: 'rejected', reason: 'not_granted' },
      ]);
    });

    it('is held while its sender is suspended', async () => {
      const { id } = await alice.sends(dora);
      await operator.call('POST', `/v1/partners/${alice.id}/suspend`);

      const held = await now(dora);
      await operator.call('POST', `/v1/partners/${alice.id}/reactivate`);

      expect(held).toEqual({ sets: {} });
      expect(Object.keys((await now(dora)).sets)).toHaveLength(1);
      expect(await alice.deliveries(String(id))).toMatchObject([{ state: 'leased' }]);
    });
  });
});

describe.each(engines())('jobs on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let carol: Partner;
  let bobs: Receiver;
  let carols: Receiver;
  let jobs: AttemptJobs;

  beforeAll(async () => {
    world = await World.make({ engine, settings: { SWEEP_MS: '100' } });
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    carol = await world.partner('carol');
    await Promise.all([bob.allow(alice), carol.allow(alice)]);
    [bobs, carols] = [await world.receiver(), await world.receiver()];
    await Promise.all([bob.listens(bobs), carol.listens(carols)]);
    jobs = attemptJobs(world);
  });
  afterAll(async () => {
    expectOnlyFor('bob', bobs.received);
    expectOnlyFor('carol', carols.received);
    await expectSoundLedger(world);
    await jobs.close();
    await world.stop();
  });

  async function attemptsAt(id: unknown): Promise<DeliveryView['attempts']> {
    return (await alice.reaches(id, 'delivered')).attempts;
  }

  const ONE = [{ number: 1, outcome: 'delivered' }];

  it.each<[string, (data: Record<string, unknown>, other: DeliveryView) => unknown]>([
    ['nothing', () => ({})],
    ['no object', () => 'x'],
    ['another attempt', (data) => ({ ...data, attempt: 2 })],
    ['an attempt that is no number', (data) => ({ ...data, attempt: 'x' })],
    ['an attempt below the first', (data) => ({ ...data, attempt: 0 })],
    ['an unknown delivery', (data) => ({ ...data, deliveryId: crypto.randomUUID() })],
    ['no UUID', (data) => ({ ...data, deliveryId: "'; drop table delivery; --" })],
    ["another's delivery", (data, other) => ({ ...data, deliveryId: other.id })],
    ['more than it should carry', (data) => ({ ...data, url: carols.url, body: 'x'.repeat(1e5) })],
  ])('written over with %s: each arrives once, where it belongs', async (_what, forge) => {
    await jobs.pause();
    const [forBob, forCarol] = [await alice.sends(bob), await alice.sends(carol)];
    const [one] = await alice.deliveries(String(forBob['id']));
    const [other] = await alice.deliveries(String(forCarol['id']));
    const job = await until('its job waits', async () =>
      (await jobs.waiting()).find((waiting) => waiting.id?.startsWith(one?.id ?? '-')),
    );
    if (other !== undefined)
      await job.updateData(forge(job.data as Record<string, unknown>, other));

    await jobs.resume();

    expect(await attemptsAt(forBob['id'])).toMatchObject(ONE);
    expect(await attemptsAt(forCarol['id'])).toMatchObject(ONE);
  });

  it('that nobody of us added are dropped, and the rest goes on', async () => {
    const strangers = [null, 7, 'x', [], {}, { deliveryId: 1 }, { attempt: 1, deliveryId: null }];
    await Promise.all(strangers.map((data) => jobs.add(data, { attempts: 3 })));

    expect(await attemptsAt((await alice.sends(bob))['id'])).toMatchObject(ONE);
  });

  it('added again for what was delivered deliver nothing', async () => {
    const { id } = await alice.sends(bob);
    const { id: deliveryId } = await alice.reaches(id, 'delivered');
    const before = bobs.received.length;

    await Promise.all([1, 2, 3].map((attempt) => jobs.add({ deliveryId, attempt })));

    expect(await attemptsAt((await alice.sends(bob))['id'])).toMatchObject(ONE);
    expect(bobs.received).toHaveLength(before + 1);
  });
});

describe.each(engines())('time that runs out on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let busy: BusyEndpoint;
  const envelopes = new Map<string, { text: string; id: string }>();

  async function send(name: string, to: Partner, lifetimeSeconds = 60): Promise<void> {
    const text = await alice.sign({ to: to.id, type: name, data: name, lifetimeSeconds });
    envelopes.set(name, { text, id: (await alice.deliver(text)).id });
  }

  const idOf = (name: string): string => envelopes.get(name)?.id ?? '';

  beforeAll(async () => {
    world = await World.make({
      engine,
      settings: { ...SETTINGS, RETRY_SCHEDULE_MS: '100000', POLL_LEASE_MS: '1000' },
    });
    alice = await world.partner('alice');
    bob = await world.partner('bob');
    const carol = await world.partner('carol');
    const dora = await world.partner('dora');
    await Promise.all([bob.allow(alice), carol.allow(alice), dora.allow(alice)]);
    const failing = await world.receiver();
    failing.answer = ({ claims }) =>
      claims['type'] === 'refused'
        ? { status: 400, body: '{"err":"invalid_request"}' }
        : { status: claims['type'] === 'taken' ? 202 : 500 };
    await bob.listens(failing, { types: ['failing', 'refused', 'taken', 'revoked'] });
    await send('collected', carol);
    await carol.poll();
    await send('declined', carol, 3_600);
    const { sets } = await carol.poll();
    const [declined = ''] = Object.keys(sets);
    await carol.poll({ maxEvents: 0, setErrs: { [declined]: { err: 'access_denied' } } });
    await send('uncollected', carol);
    await send('taken', bob, 3_600);
    await send('refused', bob, 3_600);
    await send('failing', bob);
    await until('it failed once', async () => {
      const [delivery] = await alice.deliveries(idOf('failing'));
      return delivery?.attempts[0]?.outcome;
    });
    await send('revoked', dora, 3_600);
    await dora.call('DELETE', '/v1/grants/alice');
    await dora.poll({ returnImmediately: true });
    busy = await BusyEndpoint.of(world, bob, alice);
    await send('busy', bob);
    world.clock.advance(125_000);
  });
  afterAll(async () => {
    busy.free();
    await expectSoundLedger(world);
    await world.stop();
  });

  it.each([
    ['what was never attempted', 'busy', 'expired'],
    ['what was attempted in vain', 'failing', 'dead'],
    ['what was never collected', 'uncollected', 'expired'],
    ['what was collected and not acknowledged', 'collected', 'dead'],
  ])('ends %s', async (_what, name, state) => {
    expect(await alice.reaches(idOf(name), state)).toMatchObject({ reason: 'exp' });
    expect((await alice.receipts(idOf(name))).map((one) => one.state)).toEqual(['accepted', state]);
  });

  it.each([
    ['taken', 'delivered'],
    ['declined', 'declined'],
    ['revoked', 'rejected'],
    ['busy', 'expired'],
    ['failing', 'dead'],
    ['refused', 'dead'],
  ])(
    'its receipts, of %s and others, prove what became of it with the JWKS alone',
    async (name, state) => {
      await alice.reaches(idOf(name), state);
      const jwks = await (await fetch(new URL('/.well-known/jwks.json', world.url))).json();

      const receipts = await alice.receipts(idOf(name));

      const claims = await Promise.all(
        receipts.map(({ receipt }) =>
          verifyReceipt(receipt, jwks as never, {
            issuer: ISSUER,
            envelope: envelopes.get(name)?.text ?? '',
          }),
        ),
      );
      expect(claims.map((one) => one.state)).toEqual(['accepted', state]);
      expect(claims.map((one) => one.aud)).toEqual(['alice', 'alice']);
      await expect(
        verifyReceipt(receipts[1]?.receipt ?? '', jwks as never, {
          issuer: ISSUER,
          envelope: 'other bytes',
        }),
      ).rejects.toMatchObject({ code: 'claims_invalid' });
    },
  );
});
