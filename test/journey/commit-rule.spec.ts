import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCKS } from '../../src/platform/database/locks.js';
import { encKeyOf, Forge, post, refusal } from '../support/forge.js';
import { type Outcome, Partner } from '../support/partner.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

/**
 * DESIGN.md section 3, the commit rule: after a revocation, withdrawal or suspension was answered, no
 * acceptance commits and no attempt or lease begins that it forbids, in any process.
 */
describe('the commit rule', () => {
  let world: World;
  let urls: readonly [string, string];
  let bob: Partner;

  beforeAll(async () => {
    world = await World.make({ settings: { RETRY_SCHEDULE_MS: '300', POLL_LEASE_MS: '60000' } });
    urls = [world.url, await world.start()];
    bob = await world.partner('bob');
  });
  afterAll(() => world.stop());

  async function sender(to: Partner = bob): Promise<Forge> {
    const partner = await world.partner();
    await to.allow(partner);
    return new Forge(world, partner, to);
  }

  interface Withdrawal {
    readonly what: string;
    /** Through the front door, at this process. */
    readonly call: (forge: Forge, url: string) => Promise<unknown>;
    /** In the ledger alone, without waking anybody: what another process sees before it is told. */
    readonly sql: readonly [text: string, values: (forge: Forge) => unknown[]];
    readonly code: 'key_unknown' | 'not_granted' | 'partner_inactive';
  }

  const WITHDRAWALS: readonly Withdrawal[] = [
    {
      what: 'the key is revoked',
      call: async ({ sender: { id, keys }, key }, url) => {
        const partner = await Partner.make(id, url, { keys });
        return partner.call('POST', `/v1/keys/${String(key['kid'])}/revoke`, { json: {} });
      },
      sql: [
        `update partner_key set status = 'revoked', revoked_at = now()
          where partner_id = $1 and use = 'sig'`,
        (forge) => [forge.sender.id],
      ],
      code: 'key_unknown',
    },
    {
      what: 'the grant is withdrawn',
      call: async ({ sender: { id }, recipient }, url) =>
        (await recipient.at(url)).call('DELETE', `/v1/grants/${id}`),
      sql: [
        'delete from partner_grant where sender = $1 and recipient = $2',
        (forge) => [forge.sender.id, forge.recipient.id],
      ],
      code: 'not_granted',
    },
    {
      what: 'the sender is suspended',
      call: async ({ sender: { id } }, url) =>
        (await world.operator(url)).call('POST', `/v1/partners/${id}/suspend`),
      sql: [`update partner set status = 'suspended' where id = $1`, (forge) => [forge.sender.id]],
      code: 'partner_inactive',
    },
  ];
  const OTHER_CHANGES: readonly Pick<Withdrawal, 'what' | 'sql' | 'code'>[] = [
    {
      what: 'the recipient is suspended',
      sql: [
        `update partner set status = 'suspended' where id = $1`,
        (forge) => [forge.recipient.id],
      ],
      code: 'not_granted',
    },
    {
      what: 'the key is retired',
      sql: [
        `update partner_key set status = 'retired' where partner_id = $1`,
        (forge) => [forge.sender.id],
      ],
      code: 'key_unknown',
    },
    {
      what: 'the grant no longer names the type',
      sql: [
        `update partner_grant set types = '{order.*}' where sender = $1`,
        (forge) => [forge.sender.id],
      ],
      code: 'not_granted',
    },
    {
      what: 'the grant takes sealed envelopes only',
      sql: [
        'update partner_grant set sealed_only = true where sender = $1',
        (forge) => [forge.sender.id],
      ],
      code: 'not_granted',
    },
    {
      what: 'the grant no longer takes the algorithm',
      sql: [
        `update partner_grant set algorithms = '{ML-DSA-87}' where sender = $1`,
        (forge) => [forge.sender.id],
      ],
      code: 'not_granted',
    },
  ];

  /**
   * Changes trust in a transaction that stays open while `work` runs into it, and is committed when it
   * waits there: the narrowest race there is, made to happen.
   */
  async function whileChanging<T>(
    [text, values]: readonly [string, unknown[]],
    work: () => Promise<T>,
  ): Promise<T> {
    const client = new Client({
      connectionString: world.env['DATABASE_URL'] ?? '',
      options: '-c search_path=sealpost',
    });
    await client.connect();
    try {
      await client.query('begin');
      await client.query('select pg_advisory_xact_lock($1)', [LOCKS.trust]);
      await client.query(text, values);
      const working = work();
      await until('somebody waits for trust', async () => (await waiting()) > 0);
      await client.query('commit');
      return await working;
    } finally {
      await client.end();
    }
  }

  async function waiting(): Promise<number> {
    const rows = await world.rows(
      `select 1 from pg_locks where locktype = 'advisory' and objid = $1 and not granted
        and database = (select oid from pg_database where datname = current_database())`,
      [LOCKS.trust],
    );
    return rows.length;
  }

  async function attemptsOf(iss: string): Promise<number> {
    const rows = await world.rows(
      'select 1 from attempt a join delivery d on d.id = a.delivery_id where d.sender = $1',
      [iss],
    );
    return rows.length;
  }

  async function identitiesOf(iss: string): Promise<number> {
    return (await world.rows('select 1 from identity where iss = $1', [iss])).length;
  }

  /** An acceptance of somebody else, which waits for trust too. */
  async function nudge(): Promise<Outcome> {
    const forge = await sender();
    return post(world.url, await forge.token('nudge'));
  }

  async function standing(iss: string): Promise<{ identities: number; attempts: number }> {
    return { identities: await identitiesOf(iss), attempts: await attemptsOf(iss) };
  }

  describe('an acceptance that was verified on the old trust', () => {
    it.each([...WITHDRAWALS, ...OTHER_CHANGES])(
      'does not commit when $what meanwhile: $code',
      async ({ sql: [text, values], code }) => {
        const forge = await sender(await world.partner());
        // Both processes have read trust before: what they remember says yes.
        for (const [i, url] of urls.entries())
          expect(await post(url, await forge.token(`before-${i}`))).toMatchObject({ status: 202 });
        const token = await forge.token('meanwhile');

        const answer = await whileChanging([text, values(forge)], () => post(urls[1], token));

        expect(answer).toMatchObject(refusal(code));
        expect(await identitiesOf(forge.sender.id)).toBe(2);
      },
    );

    it.each(['retired', 'revoked'])(
      'does not commit when the enc key it is sealed to is %s meanwhile: stale_recipient_key',
      async (status) => {
        const recipient = await world.partner();
        const forge = await sender(recipient);
        const seal = async (jti: string): Promise<string> =>
          forge.around(jti, await forge.sealed(jti));
        expect(await post(urls[1], await seal('before'))).toMatchObject({ status: 202 });
        const token = await seal('meanwhile');
        const change = 'update partner_key set status = $1 where partner_id = $2 and kid = $3';
        const values = [status, recipient.id, encKeyOf(recipient)['kid']];

        const answer = await whileChanging([change, values], () => post(urls[1], token));

        expect(answer).toMatchObject(refusal('stale_recipient_key'));
        expect(await identitiesOf(forge.sender.id)).toBe(1);
      },
    );

    it('commits when trust changed for somebody else', async () => {
      const [forge, other] = [await sender(), await sender()];
      const token = await forge.token('meanwhile');

      const answer = await whileChanging(
        ['delete from partner_grant where sender = $1', [other.sender.id]],
        () => post(urls[1], token),
      );

      expect(answer).toMatchObject({ status: 202 });
    });

    it('holds a revocation back until it has committed', async () => {
      const forge = await sender();
      const client = new Client({ connectionString: world.env['DATABASE_URL'] ?? '' });
      await client.connect();
      await client.query('begin');
      await client.query('select pg_advisory_xact_lock_shared($1)', [LOCKS.trust]);
      let answered = false;
      const withdrawal = bob
        .call('DELETE', `/v1/grants/${forge.sender.id}`)
        .then(() => (answered = true));
      await until('the withdrawal waits', async () => (await waiting()) > 0);

      const before = answered;
      await client.query('commit');
      await withdrawal;
      await client.end();

      expect(before).toBe(false);
      expect(answered).toBe(true);
    });
  });

  describe('a lease', () => {
    it.each(WITHDRAWALS)('does not begin when $what meanwhile', async ({ sql: [text, values] }) => {
      const recipient = await world.partner();
      const forge = await sender(recipient);
      const sent = await post(world.url, await forge.token('leased'));
      await recipient.token();

      const { sets } = await whileChanging([text, values(forge)], () =>
        recipient.poll({ returnImmediately: true }),
      );

      expect(sent).toMatchObject({ status: 202 });
      expect(sets).toEqual({});
      expect(await attemptsOf(forge.sender.id)).toBe(0);
    });

    it('of what is still allowed is not kept waiting by what no longer is', async () => {
      const recipient = await world.partner();
      const [forge, other] = [await sender(recipient), await sender(recipient)];
      const forbidden = await Promise.all(
        [1, 2, 3].map(async (n) => post(world.url, await forge.token(`forbidden-${n}`))),
      );
      const allowed = await other.token('allowed');
      await post(world.url, allowed);
      await recipient.call('DELETE', `/v1/grants/${forge.sender.id}`);

      const { sets } = await recipient.poll({ returnImmediately: true, maxEvents: 1 });

      expect(Object.values(sets)).toEqual([allowed]);
      for (const { id } of forbidden)
        expect(await recipient.deliveries(String(id))).toMatchObject([
          { state: 'rejected', reason: 'not_granted', attempts: [] },
        ]);
    });

    it('does not begin when the recipient is suspended meanwhile, and nothing is lost', async () => {
      const recipient = await world.partner();
      const forge = await sender(recipient);
      const token = await forge.token('held');
      await post(world.url, token);
      await recipient.token();
      const suspend = `update partner set status = 'suspended' where id = $1`;

      const { sets } = await whileChanging([suspend, [recipient.id]], () =>
        recipient.poll({ returnImmediately: true }),
      );
      expect(sets).toEqual({});
      expect(await attemptsOf(forge.sender.id)).toBe(0);

      const operator = await world.operator();
      await operator.call('POST', `/v1/partners/${recipient.id}/reactivate`);
      const later = await recipient.poll({ returnImmediately: true });
      expect(Object.values(later.sets)).toEqual([token]);
    });
  });

  describe('an attempt', () => {
    it.each([...WITHDRAWALS, ...OTHER_CHANGES.slice(0, 1)])(
      'does not begin when $what meanwhile',
      async ({ sql: [text, values] }) => {
        const recipient = await world.partner();
        const receiver = await world.receiver();
        await recipient.listens(receiver);
        const forge = await sender(recipient);
        let pushed = 0;
        receiver.answer = async () => {
          pushed++;
          return { status: 503 };
        };
        await post(world.url, await forge.token('pushed'));
        await until('the first attempt has ended', async () => {
          const rows = await world.rows(
            `select 1 from attempt a join delivery d on d.id = a.delivery_id
              where d.sender = $1 and a.ended_at is not null`,
            [forge.sender.id],
          );
          return rows.length === 1;
        });

        await whileChanging([text, values(forge)], () => Promise.resolve());
        // Whoever waited has looked by now when another change of trust gets through.
        await whileChanging(['select 1', []], () => post(world.url, 'x').then(nudge));

        expect(pushed).toBe(1);
        expect(await attemptsOf(forge.sender.id)).toBe(1);
      },
    );
  });

  describe.each(WITHDRAWALS)('under a stream of envelopes through two processes, $what', (kind) => {
    const ROUNDS = 20;
    const LANES = 2;

    it(`and from its answer on nothing is accepted and nothing begins (${ROUNDS} rounds)`, async () => {
      const receiver = await world.receiver();
      const recipient = await world.partner();
      await recipient.listens(receiver, { types: ['invoice.pushed'] });
      for (let round = 0; round < ROUNDS; round++) {
        const seen = await oneRound(recipient, round);
        expect(seen.acceptedBefore).toBeGreaterThan(0);
        expect(seen.acceptedAfter).toBe(0);
        expect(seen.atTheEnd).toEqual(seen.atTheAnswer);
      }
    }, 120_000);

    async function oneRound(recipient: Partner, round: number) {
      const forge = await sender(recipient);
      const other = await sender(recipient);
      const { id } = forge.sender;
      let answered = false;
      let acceptedBefore = 0;
      let acceptedAfter = 0;
      let refusedAfter = 0;
      let n = 0;
      const over = (): boolean => refusedAfter >= 4 * LANES || acceptedAfter > 0;
      const lane = async (url: string, type: string): Promise<void> => {
        while (!over()) {
          const token = await forge.token(`${round}-${n++}`, { claims: { type } });
          const beganAfter = answered;
          const { status } = await post(url, token);
          if (status === 202 && beganAfter) acceptedAfter++;
          if (status === 202 && !beganAfter) acceptedBefore++;
          if (status !== 202 && beganAfter) refusedAfter++;
        }
      };
      const polls = async (): Promise<void> => {
        while (!over()) await recipient.poll({ returnImmediately: true });
      };
      const lanes = urls.flatMap((url) =>
        Array.from({ length: LANES }, (_, i) =>
          lane(url, i % 2 === 0 ? 'invoice.created' : 'invoice.pushed'),
        ),
      );
      lanes.push(polls());
      await until('some are accepted', () => acceptedBefore >= 6);

      await kind.call(forge, urls[round % 2] ?? '');
      answered = true;
      const atTheAnswer = await standing(id);
      await Promise.all(lanes);

      // What begins after it has begun when a later envelope of another sender has arrived both ways.
      const sent = await other.sender.sends(recipient, { type: 'invoice.pushed' });
      await other.sender.reaches(sent['id'], 'delivered');
      await recipient.poll({ returnImmediately: true });
      const atTheEnd = await standing(id);
      return { acceptedBefore, acceptedAfter, atTheAnswer, atTheEnd };
    }
  });
});
