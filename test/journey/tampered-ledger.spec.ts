import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  Identity,
  type PrivateJwk,
  verifyEnvelope,
  verifyReceipt,
} from '../../src/client/index.js';
import { attemptJobs } from '../support/attempt-jobs.js';
import { Forge, post, rawSignature, base64url } from '../support/forge.js';
import type { Outcome, Partner } from '../support/partner.js';
import { claimsOf, type Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { engines, ISSUER, World } from '../support/world.js';

/**
 * DESIGN.md section 9, promise 3, with PostgreSQL and the queue as attackers who can write: what is caught,
 * and what cannot be. SECURITY.md has the same table.
 */
describe.each(engines())('whoever can write to the ledger and to the queue on %s', (engine) => {
  let world: World;
  let alice: Partner;
  let bob: Partner;
  let mallory: Partner;
  let mallorys: Receiver;
  let pinned: { keys: Record<string, unknown>[] };

  beforeAll(async () => {
    world = await World.make({ engine, settings: { SWEEP_MS: '100', RETRY_SCHEDULE_MS: '2000' } });
    mallory = await world.partner('mallory');
    mallorys = await world.receiver();
    await mallory.listens(mallorys);
  });
  afterAll(() => world.stop());
  beforeEach(async () => {
    [alice, bob] = [await world.partner(), await world.partner()];
    await Promise.all([bob.allow(alice), mallory.allow(alice), bob.allow(mallory)]);
    pinned = { keys: alice.identity.jwks.keys.map((key) => ({ ...key })) };
  });

  const now = async (who: Partner): Promise<readonly string[]> =>
    Object.values((await who.poll({ returnImmediately: true })).sets);

  /** As the row of the envelope, with a token that mallory's key signed. */
  async function signedByMallory(claims: object): Promise<string> {
    const [key] = mallory.keys;
    if (key === undefined) throw new Error('no key');
    const header = { typ: 'sealpost-envelope+jwt', alg: key['alg'], kid: key['kid'] };
    const text = [header, claims].map((part) => base64url(JSON.stringify(part))).join('.');
    return `${text}.${base64url(await rawSignature(key, text))}`;
  }

  describe('is caught: nothing is shown to anybody, and it ends rejected', () => {
    const forged = (claims: object) => async (id: unknown) => {
      const [row] = await world.rows<{ body: string }>('select body from envelope where id = $1', [
        id,
      ]);
      const body = await signedByMallory({ ...claimsOf(row?.body ?? ''), ...claims });
      const put = `update envelope set body = $2::text, sha256 = sha256($2::text::bytea) where id = $1`;
      await world.rows(put, [id, body]);
    };
    const sql = (statement: string) => async (id: unknown) => {
      await world.rows(statement, [id]);
    };

    it.each<[string, (id: unknown) => Promise<void>]>([
      [
        'a bit of the body',
        sql(`update envelope set body = overlay(body placing case substr(body, 60, 1)
          when 'A' then 'B' else 'A' end from 60 for 1) where id = $1`),
      ],
      ['the whole body, signed by another, in the old name', forged({})],
      ['the whole body, signed by another in its own name', forged({ iss: 'mallory' })],
      ['the whole body, in the name of the exchange', forged({ iss: 'sealpost' })],
      [
        'the row too: another sender',
        async (id) => {
          await forged({ iss: 'mallory' })(id);
          await world.rows(`update envelope set iss = 'mallory' where id = $1`, [id]);
        },
      ],
      [
        'sender and envelope: the exchange',
        sql(`with v as (update envelope set iss = 'sealpost' where id = $1)
          update delivery set sender = 'sealpost' where envelope_id = $1`),
      ],
      ['the digest', sql(`update envelope set sha256 = sha256('x') where id = $1`)],
      ['the jti', sql(`update envelope set jti = 'another' where id = $1`)],
      ['the type', sql(`update envelope set type = 'another' where id = $1`)],
      ['the kid', sql(`update envelope set kid = 'another' where id = $1`)],
      ['the thumbprint', sql(`update envelope set jkt = 'another' where id = $1`)],
      ['the recipient of the envelope', sql(`update envelope set aud = 'mallory' where id = $1`)],
      [
        'the sender of the delivery',
        sql(`update delivery set sender = 'mallory'
        where envelope_id = $1`),
      ],
    ])('%s', async (_what, tamper) => {
      const { id, jti } = await alice.sends(bob);
      const [good] = [await alice.sends(bob)];

      await tamper(id);

      const shown = (await now(bob)).map((jwt) => claimsOf(jwt)['jti']);
      expect(shown).toEqual([good?.['jti']]);
      const [row] = await world.rows('select state from delivery where envelope_id = $1', [id]);
      expect(row).toEqual({ state: 'rejected' });
      expect(mallorys.received.map(({ claims }) => claims['jti'])).not.toContain(jti);
    });

    it.each([
      ['the inbox', `update delivery set recipient = 'mallory' where envelope_id = $1`],
      [
        'an endpoint',
        `update delivery set recipient = 'mallory', state = 'waiting', next_attempt_at = now(),
          endpoint_id = (select id from endpoint where partner_id = 'mallory') where envelope_id = $1`,
      ],
    ])('its way, to %s of another', async (_what, statement) => {
      const { id, jti } = await alice.sends(bob);

      await world.rows(statement, [id]);

      await world.rows(`notify outbox`);
      const shown = (await now(mallory)).map((jwt) => claimsOf(jwt)['jti']);
      expect(shown).not.toContain(jti);
      await alice.reaches(id, 'rejected');
      expect(mallorys.received.map(({ claims }) => claims['jti'])).not.toContain(jti);
    });

    it('its time, made longer: the envelope’s own is what counts', async () => {
      const { id } = await alice.sends(bob, { lifetimeSeconds: 1 });
      const row = `update delivery set exp = exp + interval '1 day' where envelope_id = $1`;
      await world.rows(row, [id]);

      await world.rows(`update envelope set exp = exp + interval '1 day' where id = $1`, [id]);
      world.clock.advance(63_000);
      const shown = await now(bob);
      world.clock.advance(-63_000);

      expect(shown).toEqual([]);
      await alice.reaches(id, 'rejected');
    });
  });

  describe('is caught: what was written does nothing', () => {
    it('a job for what was delivered, for another attempt, or for nothing', async () => {
      const receiver = await world.receiver();
      await bob.listens(receiver);
      const { id } = await alice.sends(bob);
      const { id: deliveryId } = await alice.reaches(id, 'delivered');
      const jobs = attemptJobs(world);

      await jobs.add({ deliveryId, attempt: 1 });
      await jobs.add({ deliveryId, attempt: 2 });
      await jobs.add({ deliveryId: crypto.randomUUID(), attempt: 1 });
      await jobs.add({ deliveryId, attempt: 1, body: 'x', url: mallorys.url });

      const { id: last } = await alice.sends(bob);
      await alice.reaches(last, 'delivered');
      expect(receiver.received).toHaveLength(2);
      await jobs.close();
    });

    it('a revocation taken back after the mark of it was made: what it stopped stays stopped', async () => {
      const { id } = await alice.sends(bob);
      const kid = String(alice.identity.jwks.keys[0]?.kid);
      await alice.call('POST', `/v1/keys/${kid}/revoke`, { json: {} });
      await until('it is rejected', async () => {
        const rows = await world.rows(
          `select 1 from delivery where envelope_id = $1 and state = 'rejected'`,
          [id],
        );
        return rows.length === 1;
      });

      await world.rows(`update partner_key set status = 'active' where partner_id = $1`, [
        alice.id,
      ]);

      expect(await now(bob)).not.toContainEqual(expect.stringContaining(String(id)));
      const [row] = await world.rows('select state from delivery where envelope_id = $1', [id]);
      expect(row).toEqual({ state: 'rejected' });
    });
  });

  describe('shows: whoever looks at the evidence sees it', () => {
    let jwks: { keys: Record<string, unknown>[] };
    let envelope: string;
    let sent: Outcome;

    beforeEach(async () => {
      jwks = (await (await fetch(`${world.url}/.well-known/jwks.json`)).json()) as typeof jwks;
      envelope = await alice.sign({ to: bob.id, type: 'invoice.created', data: 1 });
      sent = await post(world.url, envelope);
    });

    const check = (receipt: unknown): Promise<unknown> =>
      verifyReceipt(String(receipt), jwks, { issuer: ISSUER, envelope });

    it('a receipt that was written over, or is of another envelope', async () => {
      await check(sent['receipt']);
      const other = await alice.sends(bob);
      const put = `update identity set receipt = $2 where envelope_id = $1`;
      const again = async (receipt: string): Promise<unknown> => {
        await world.rows(put, [sent['id'], receipt]);
        return (await post(world.url, envelope))['receipt'];
      };

      const changed = String(sent['receipt']).replace(/\.[^.]+\./, (payload) =>
        payload.replace(/[A-Z]/, (letter) => (letter === 'A' ? 'B' : 'A')),
      );
      await expect(check(await again(changed))).rejects.toMatchObject({ name: 'Refused' });
      await expect(check(await again(String(other['receipt'])))).rejects.toMatchObject({
        detail: 'envelope.sha256',
      });
    });

    it('an end that was written in: there is no receipt of it', async () => {
      await world.rows(
        `update delivery set state = 'acknowledged', ended_at = now() where envelope_id = $1`,
        [sent['id']],
      );

      expect(await now(bob)).toEqual([]);
      expect((await alice.receipts(sent['id'])).map(({ state }) => state)).toEqual(['accepted']);
    });

    it('an end that was taken back: it comes again with the same bytes and the same id', async () => {
      const { sets } = await bob.poll({ returnImmediately: true });
      await bob.poll({ maxEvents: 0, ack: Object.keys(sets) });
      await world.rows(
        `update delivery set state = 'available', ended_at = null where envelope_id = $1`,
        [sent['id']],
      );

      const again = await bob.poll({ returnImmediately: true });

      expect(again.sets).toEqual(sets);
    });

    it('a delivery that was deleted: its sender holds "accepted" and nothing ever follows', async () => {
      await world.rows('delete from delivery where envelope_id = $1', [sent['id']]);

      expect(await now(bob)).toEqual([]);
      await check(sent['receipt']);
      expect((await alice.receipts(sent['id'])).map(({ state }) => state)).toEqual(['accepted']);
    });
  });

  describe('cannot be caught here: these rows are trusted, and', () => {
    it('a key put in speaks for its partner, but not to a recipient who has pinned the partner’s', async () => {
      const { privateJwk, publicJwk, jkt } = await Identity.generateKey('sig', 'Ed25519');
      await world.rows(
        `insert into partner_key (partner_id, kid, use, alg, jkt, jwk, status, created_at)
         values ($1, $2, 'sig', 'Ed25519', $3, $4, 'active', now())`,
        [alice.id, publicJwk.kid, jkt, JSON.stringify(publicJwk)],
      );
      const key: PrivateJwk = privateJwk;
      const forge = new Forge(world, alice, bob);

      const answer = await post(world.url, await forge.token('forged', { key }));

      expect(answer).toMatchObject({ status: 202 });
      const [jwt = ''] = await now(bob);
      expect(claimsOf(jwt)).toMatchObject({ iss: alice.id, jti: 'forged' });
      await expect(verifyEnvelope(jwt, pinned)).rejects.toMatchObject({ code: 'key_unknown' });
    });

    it('a key written over makes what it signed before fail, and another’s hold, but not with a pin', async () => {
      const waiting = await alice.sends(bob);
      const { privateJwk, publicJwk, jkt } = await Identity.generateKey('sig', 'Ed25519', {
        kid: String(alice.identity.jwks.keys[0]?.kid),
      });
      await world.rows(
        `update partner_key set jwk = $3, jkt = $4 where partner_id = $1 and kid = $2`,
        [alice.id, publicJwk.kid, JSON.stringify(publicJwk), jkt],
      );
      await world.rows(`notify keys`);
      const forge = new Forge(world, alice, bob);

      const token = await forge.token('forged', { key: privateJwk });
      // What is remembered of the old key is forgotten by the wake-up.
      await until('it is taken', async () => (await post(world.url, token)).status === 202);

      const shown = await now(bob);
      expect(shown.map((jwt) => claimsOf(jwt)['jti'])).toEqual(['forged']);
      const [row] = await world.rows('select state, reason from delivery where envelope_id = $1', [
        waiting['id'],
      ]);
      expect(row).toEqual({ state: 'rejected', reason: 'signature_invalid' });
      await expect(verifyEnvelope(shown[0] ?? '', pinned)).rejects.toMatchObject({
        code: 'signature_invalid',
      });
    });

    it('a revoked key made active again signs again', async () => {
      const kid = String(alice.identity.jwks.keys[0]?.kid);
      await alice.call('POST', `/v1/keys/${kid}/revoke`, { json: {} });
      await world.rows(`update partner_key set status = 'active' where partner_id = $1`, [
        alice.id,
      ]);
      await world.rows(`notify keys`);

      expect(await alice.sends(bob)).toMatchObject({ state: 'accepted' });
    });

    it('an acceptance dated back under a key revoked since is delivered', async () => {
      const { id, jti } = await alice.sends(bob);
      const backdate = `update envelope set accepted_at = accepted_at - interval '1 day' where id = $1`;
      await world.rows(backdate, [id]);
      const kid = String(alice.identity.jwks.keys[0]?.kid);
      const since = new Date(world.clock.now().getTime() - 60_000).toISOString();
      await alice.call('POST', `/v1/keys/${kid}/revoke`, { json: { since } });

      const shown = (await now(bob)).map((jwt) => claimsOf(jwt)['jti']);

      expect(shown).toContain(jti);
    });

    it('a grant put in lets its sender in', async () => {
      const stranger = await world.partner();
      expect(await stranger.sends(bob)).toMatchObject({ code: 'not_granted' });

      await world.rows(
        `insert into partner_grant (recipient, sender, types, created_at, updated_at)
         values ($1, $2, '{*}', now(), now())`,
        [bob.id, stranger.id],
      );

      expect(await stranger.sends(bob)).toMatchObject({ state: 'accepted' });
    });

    it('an endpoint’s URL written over gets what its partner was sent', async () => {
      const [real, thiefs] = [await world.receiver(), await world.receiver()];
      const endpoint = await bob.listens(real);
      await world.rows('update endpoint set url = $2 where id = $1', [endpoint, thiefs.url]);

      const { id, jti } = await alice.sends(bob);

      await alice.reaches(id, 'delivered');
      expect(thiefs.received.map(({ claims }) => claims['jti'])).toEqual([jti]);
      expect(real.received).toEqual([]);
    });
  });
});
