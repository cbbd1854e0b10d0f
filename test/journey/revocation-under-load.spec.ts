import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { Forge, post } from '../support/forge.js';
import { expectSoundLedger } from '../support/ledger.js';
import { Partner } from '../support/partner.js';
import { until } from '../support/until.js';
import { engines, ISSUER, World } from '../support/world.js';

const REVOCATIONS = 100;
const AT_ONCE = 5;
const BOUND_MS = 60_000;

/**
 * The commit rule under load: envelopes stream through two processes' worth, pushed and polled, while a
 * hundred keys are revoked, now at the one and now at the other.
 */
describe('a hundred revocations under load', () => {
  let world: World;
  let urls: readonly [string, string];
  let recipient: Partner;
  let sender: Partner;

  beforeAll(async () => {
    // The queue that is meant for load, where there is one.
    const engine = engines().at(-1) ?? 'postgres';
    world = await World.make({ engine, settings: { RETRY_SCHEDULE_MS: '200', SWEEP_MS: '300' } });
    urls = [world.url, await world.start()];
    [recipient, sender] = [await world.partner(), await world.partner()];
    await recipient.allow(sender);
    const receiver = await world.receiver();
    let n = 0;
    // Some attempts fail, so that there are always some about to begin again.
    receiver.answer = () => ({ status: ++n % 3 === 0 ? 202 : 503 });
    await recipient.listens(receiver, { types: ['invoice.pushed'] });
  });
  afterAll(() => world.stop());

  /** How much there is of what the key signed: acceptances, and attempts and leases that began. */
  async function countOf(kid: string): Promise<{ accepted: number; begun: number }> {
    const [row] = await world.rows<{ accepted: number; begun: number }>(
      `select count(distinct v.id)::int as accepted, count(a.number)::int as begun
       from envelope v join delivery d on d.envelope_id = v.id
       left join attempt a on a.delivery_id = d.id where v.iss = $1 and v.kid = $2`,
      [sender.id, kid],
    );
    return row ?? { accepted: 0, begun: 0 };
  }

  async function addKey(): Promise<PrivateJwk> {
    const { privateJwk } = await Identity.generateKey('sig', 'Ed25519');
    const json = await sender.identity.newKey(privateJwk, ISSUER);
    await sender.call('POST', '/v1/keys', { json });
    return privateJwk;
  }

  interface Round {
    readonly kid: string;
    readonly acceptedBefore: number;
    readonly acceptedAfter: number;
    readonly atTheAnswer: { accepted: number; begun: number };
  }

  async function round(n: number): Promise<Round> {
    const key = await addKey();
    const kid = String(key['kid']);
    const forge = new Forge(world, sender, recipient);
    const revoker = await sender.at(urls[n % 2] ?? '');
    await revoker.token();
    let answered = false;
    let [acceptedBefore, acceptedAfter, refusedAfter] = [0, 0, 0];
    const lane = async (url: string, number: number): Promise<void> => {
      for (let i = 0; refusedAfter < 4 && acceptedAfter === 0; i++) {
        const type = i % 2 === 0 ? 'invoice.pushed' : 'invoice.created';
        const token = await forge.token(`${kid}-${number}-${i}`, { key, claims: { type } });
        const beganAfter = answered;
        const { status } = await post(url, token);
        if (status === 202 && !beganAfter) acceptedBefore++;
        if (status === 202 && beganAfter) acceptedAfter++;
        if (status !== 202 && beganAfter) refusedAfter++;
      }
    };
    const lanes = urls.map(lane);
    await until('some are accepted', () => acceptedBefore >= 4);

    await revoker.call('POST', `/v1/keys/${kid}/revoke`, { json: {} });
    answered = true;
    const atTheAnswer = await countOf(kid);
    await Promise.all(lanes);
    return { kid, acceptedBefore, acceptedAfter, atTheAnswer };
  }

  it(
    'let not one acceptance commit and not one attempt or lease begin after their answer, and stop what waits',
    async () => {
      const began = performance.now();
      const rounds: Round[] = [];
      const over = new AbortController();
      const polls = async (url: string): Promise<void> => {
        const poller = await recipient.at(url);
        while (!over.signal.aborted) await poller.poll({ returnImmediately: true, maxEvents: 5 });
      };
      const pollers = urls.map(polls);
      const runner = async (first: number): Promise<void> => {
        for (let n = first; n < REVOCATIONS; n += AT_ONCE) rounds.push(await round(n));
      };
      await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => runner(i)));
      over.abort();
      await Promise.all(pollers);

      expect(rounds).toHaveLength(REVOCATIONS);
      const seen = await Promise.all(
        rounds.map(async ({ kid, acceptedBefore, acceptedAfter, atTheAnswer }) => ({
          kid,
          some: acceptedBefore > 0,
          acceptedAfter,
          grown: (await countOf(kid)).begun - atTheAnswer.begun,
          more: (await countOf(kid)).accepted - atTheAnswer.accepted,
        })),
      );
      const none = { some: true, acceptedAfter: 0, grown: 0, more: 0 };
      expect(seen).toEqual(rounds.map(({ kid }) => ({ kid, ...none })));
      const states = await until('all but what was leased has ended', async () => {
        const rows = await world.rows<{ state: string }>(
          `select distinct d.state from delivery d join envelope v on v.id = d.envelope_id
           where v.iss = $1 and d.state in ('waiting', 'queued', 'delivering', 'available')`,
          [sender.id],
        );
        return rows.length === 0 ? rows : undefined;
      });
      expect(states).toEqual([]);
      expect(performance.now() - began).toBeLessThan(BOUND_MS);
      await expectSoundLedger(world);
    },
    BOUND_MS + 10_000,
  );
});
