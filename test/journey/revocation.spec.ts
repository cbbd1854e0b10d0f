import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity, Receiver as ClientReceiver } from '../../src/client/index.js';
import { encKeyOf, Forge, post, refusal } from '../support/forge.js';
import { expectSoundLedger } from '../support/ledger.js';
import { Partner } from '../support/partner.js';
import { claimsOf } from '../support/receiver.js';
import { until } from '../support/until.js';
import { engines, ISSUER, World } from '../support/world.js';

/** ATTACKS 83, 169 and 182: what a revocation does to what was accepted before it. */
describe.each(engines())('a revocation on %s', (engine) => {
  let world: World;

  beforeAll(async () => {
    world = await World.make({
      engine,
      settings: { SWEEP_MS: '100', RETRY_SCHEDULE_MS: '2000', POLL_LEASE_MS: '1500' },
    });
  });
  afterAll(async () => {
    await expectSoundLedger(world);
    await world.stop();
  });

  const kidOf = (who: Partner): string => String(who.identity.jwks.keys[0]?.kid);

  /** A partner with a second sig key to act with, when the first is in other hands. */
  async function partnerWithSpare(): Promise<{ first: Partner; spare: Partner }> {
    const first = await world.partner();
    const { privateJwk } = await Identity.generateKey('sig', 'ES256');
    const json = await first.identity.newKey(privateJwk, ISSUER);
    await first.call('POST', '/v1/keys', { json });
    return { first, spare: await Partner.make(first.id, world.url, { keys: [privateJwk] }) };
  }

  function revoke(by: Partner, kid: string, json: object = {}): Promise<object> {
    return by.call('POST', `/v1/keys/${kid}/revoke`, { json });
  }

  /** Envelopes of the exchange in this inbox, taken from it, once there are `count`. */
  async function noticesTo(who: Partner, count = 1): Promise<Record<string, unknown>[]> {
    const notices: Record<string, unknown>[] = [];
    await until(`${count} notices to ${who.id}`, async () => {
      const { sets } = await who.poll({ returnImmediately: true });
      const ours = Object.entries(sets).filter(([, jwt]) => claimsOf(jwt)['iss'] === 'sealpost');
      notices.push(...ours.map(([, jwt]) => claimsOf(jwt)));
      await who.poll({ maxEvents: 0, ack: ours.map(([id]) => id) });
      return notices.length >= count;
    });
    return notices;
  }

  const endOf = async (sender: Partner, id: unknown, state = 'rejected') => {
    const { reason } = await sender.reaches(id, state);
    const receipts = await sender.receipts(id);
    return { reason, receipts: receipts.map((one) => one.state) };
  };

  describe('without a time', () => {
    it('ends what waits at once, in the inbox and before the next attempt, each with its receipt', async () => {
      const { first, spare } = await partnerWithSpare();
      const [polls, listens] = [await world.partner(), await world.partner()];
      await Promise.all([polls.allow(first), listens.allow(first)]);
      const receiver = await world.receiver();
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': '1000' } });
      await listens.listens(receiver);
      const [inInbox, toRetry] = [await first.sends(polls), await first.sends(listens)];
      await until('it was tried', () => receiver.received.length === 1);

      await revoke(spare, kidOf(first));

      const rejected = { reason: 'key_unknown', receipts: ['accepted', 'rejected'] };
      expect(await endOf(spare, inInbox['id'])).toEqual(rejected);
      expect(await endOf(spare, toRetry['id'])).toEqual(rejected);
      expect(receiver.received).toHaveLength(1);
      expect((await polls.poll({ returnImmediately: true })).sets).not.toContain(inInbox['id']);
    });

    it('leaves what the other key of the partner signed, and what others sent', async () => {
      const { first, spare } = await partnerWithSpare();
      const [other, peer] = [await world.partner(), await world.partner()];
      await Promise.all([peer.allow(first), peer.allow(other)]);
      const stopped = await first.sends(peer);
      const [bySpare, byOther] = [await spare.sends(peer), await other.sends(peer)];

      await revoke(spare, kidOf(first));
      await spare.reaches(stopped['id'], 'rejected');

      const { sets } = await peer.poll({ returnImmediately: true });
      const jtis = Object.values(sets).map((jwt) => claimsOf(jwt)['jti']);
      expect(jtis).toEqual(expect.arrayContaining([bySpare['jti'], byOther['jti']]));
      expect(jtis).not.toContain(stopped['jti']);
    });

    it('lets an ack of a lease that had begun count, and ends what is not acknowledged', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const [acked, left] = [await first.sends(peer), await first.sends(peer)];
      const { sets } = await peer.poll({ returnImmediately: true });
      const ackedId = Object.keys(sets).find(
        (id) => claimsOf(sets[id] ?? '')['jti'] === acked['jti'],
      );

      await revoke(spare, kidOf(first));
      await peer.poll({ maxEvents: 0, ack: [ackedId ?? ''] });

      expect(await endOf(spare, acked['id'], 'acknowledged')).toMatchObject({
        receipts: ['accepted', 'delivered'],
      });
      expect(await endOf(spare, left['id'])).toMatchObject({ reason: 'key_unknown' });
    });
  });

  describe('since a moment', () => {
    /** Something accepted before the moment and something after it. */
    async function beforeAndAfter(first: Partner, peer: Partner) {
      const before = await first.sends(peer, { lifetimeSeconds: 3_600 });
      world.clock.advance(2_000);
      const since = world.clock.now();
      const after = await first.sends(peer, { lifetimeSeconds: 3_600 });
      return { before, after, since: since.toISOString() };
    }

    it('rejects what was accepted from then on, and what was accepted before still comes by poll', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const { before, after, since } = await beforeAndAfter(first, peer);

      await revoke(spare, kidOf(first), { since });

      expect(await endOf(spare, after['id'])).toMatchObject({ reason: 'key_unknown' });
      const { sets } = await peer.poll({ returnImmediately: true });
      const fromSender = Object.values(sets).map(claimsOf);
      expect(fromSender.filter((one) => one['iss'] === first.id)).toMatchObject([
        { jti: before['jti'] },
      ]);
      expect(await first.sends(peer)).toMatchObject(refusal('key_unknown'));
    });

    it('and by push, also when its first attempt had failed', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const receiver = await world.receiver();
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': '4' } });
      await peer.listens(receiver);
      const { before, after, since } = await beforeAndAfter(first, peer);
      await receiver.have(2);
      receiver.answer = () => ({ status: 202 });

      await revoke(spare, kidOf(first), { since });
      await spare.reaches(after['id'], 'rejected');
      world.clock.advance(6_000);

      await spare.reaches(before['id'], 'delivered');
      expect(receiver.received.map(({ claims }) => claims['jti']).at(-1)).toBe(before['jti']);
      expect(receiver.received).toHaveLength(3);
    });

    it('keeps the key in its partner’s set while something may still come, marked as revoked', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const listed = async (): Promise<Record<string, unknown> | undefined> => {
        const { keys } = await peer.call<{ keys: Record<string, unknown>[] }>(
          'GET',
          `/v1/partners/${first.id}/jwks.json`,
        );
        return keys.find((key) => key['kid'] === kidOf(first));
      };

      await revoke(spare, kidOf(first), { since: world.clock.now().toISOString() });

      expect(await listed()).toMatchObject({ status: 'revoked' });
    });
  });

  describe('of an enc key', () => {
    async function sealedTo(recipient: Partner): Promise<{ sender: Partner; id: unknown }> {
      const sender = await world.partner();
      await recipient.allow(sender);
      const forge = new Forge(world, sender, recipient);
      const sent = await post(
        world.url,
        await forge.around('sealed', await forge.sealed('sealed')),
      );
      expect(sent).toMatchObject({ status: 202 });
      return { sender, id: sent['id'] };
    }

    it('rejects what was sealed to it and waits: stale_recipient_key', async () => {
      const recipient = await world.partner();
      const { sender, id } = await sealedTo(recipient);

      await revoke(recipient, String(encKeyOf(recipient)['kid']));

      expect(await endOf(sender, id)).toEqual({
        reason: 'stale_recipient_key',
        receipts: ['accepted', 'rejected'],
      });
      expect(await noticesTo(sender)).toMatchObject([
        { type: 'sealpost.key.revoked', data: { partner: recipient.id, use: 'enc' } },
      ]);
    });

    it('that is only retired lets it through', async () => {
      const recipient = await world.partner();
      const { id } = await sealedTo(recipient);

      await recipient.call('POST', `/v1/keys/${String(encKeyOf(recipient)['kid'])}/retire`);

      const { sets } = await recipient.poll({ returnImmediately: true });
      expect(Object.values(sets).map((jwt) => claimsOf(jwt)['jti'])).toEqual(['sealed']);
      expect(id).toBeDefined();
    });
  });

  describe('is told', () => {
    it('to its owner and to those who take what it signed, once, and signed by the exchange', async () => {
      const { first, spare } = await partnerWithSpare();
      const [peer, stranger] = [await world.partner(), await world.partner()];
      await Promise.all([peer.allow(first), stranger.allow(peer)]);
      const since = world.clock.now().toISOString();

      await revoke(spare, kidOf(first), { since, reason: 'laptop stolen' });

      const data = { partner: first.id, kid: kidOf(first), use: 'sig', since };
      const [toPeer, toOwner] = [await noticesTo(peer), await noticesTo(spare)];
      expect(toPeer).toMatchObject([
        { iss: 'sealpost', aud: peer.id, via: ISSUER, type: 'sealpost.key.revoked', data },
      ]);
      expect(toPeer[0]?.['data']).not.toHaveProperty('reason');
      expect(toOwner).toMatchObject([
        { aud: first.id, data: { ...data, reason: 'laptop stolen' } },
      ]);
      await revoke(spare, kidOf(first));
      const { first: another, spare: anothers } = await partnerWithSpare();
      await peer.allow(another);
      await revoke(anothers, kidOf(another));
      // What comes next is of the next revocation: the first was told once.
      expect(await noticesTo(peer)).toMatchObject([{ data: { partner: another.id } }]);
      expect((await stranger.poll({ returnImmediately: true })).sets).toEqual({});
    });

    it('to an endpoint as everything is, with receipts, and its signature holds with the published keys', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const receiver = await world.receiver();
      await peer.listens(receiver);

      await revoke(spare, kidOf(first));
      await until('the notice came', () => receiver.notices.length === 1);

      const [notice] = receiver.notices;
      const { items } = await peer.call<{ items: { id: string; iss: string }[] }>(
        'GET',
        '/v1/envelopes?type=sealpost.key.revoked',
      );
      expect(items).toMatchObject([{ iss: 'sealpost' }]);
      await peer.reaches(items[0]?.id, 'delivered');
      const jwks = (await (await fetch(`${world.url}/.well-known/jwks.json`)).json()) as {
        keys: { kid: string }[];
      };
      const header = JSON.parse(
        Buffer.from(notice?.body.split('.')[0] ?? '', 'base64url').toString(),
      ) as { kid: string; typ: string };
      expect(header.typ).toBe('sealpost-envelope+jwt');
      expect(jwks.keys.map(({ kid }) => kid)).toContain(header.kid);
    });

    it('to a receiver of the client, by webhook and by poll, sealed content or not', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      const heard: unknown[] = [];
      const receiver = new ClientReceiver(peer, { requireSealed: true });
      const webhook = receiver.webhook(async ({ from, type }) => {
        heard.push([from, type]);
      });

      await revoke(spare, kidOf(first));
      const body = await until('the notice is there', async () => {
        const { sets } = await peer.poll({ returnImmediately: true });
        return Object.values(sets)[0];
      });
      const pushed = { method: 'POST', contentType: 'application/jwt', body };

      expect(await webhook.answer(pushed)).toMatchObject({ status: 202 });
      expect(heard).toEqual([['sealpost', 'sealpost.key.revoked']]);
      const [header, payload, signature = ''] = body.split('.');
      const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
      expect(await webhook.answer({ ...pushed, body: forged })).toMatchObject({ status: 400 });
    });

    it('to a partner that is suspended when it is active again', async () => {
      const { first, spare } = await partnerWithSpare();
      const [peer, operator] = [await world.partner(), await world.operator()];
      await peer.allow(first);
      await operator.call('POST', `/v1/partners/${peer.id}/suspend`);

      await revoke(spare, kidOf(first));
      await noticesTo(spare);
      await operator.call('POST', `/v1/partners/${peer.id}/reactivate`);

      expect(await noticesTo(peer)).toMatchObject([{ type: 'sealpost.key.revoked' }]);
    });
  });

  describe('what the exchange sends', () => {
    it('is taken from nobody by POST, not even when the exchange signed it', async () => {
      const { first, spare } = await partnerWithSpare();
      const peer = await world.partner();
      await peer.allow(first);
      await revoke(spare, kidOf(first));
      let notice = '';
      await until('the notice is there', async () => {
        const { sets } = await peer.poll({ returnImmediately: true });
        [notice = ''] = Object.values(sets);
        return notice !== '';
      });

      expect(await post(world.url, notice)).toMatchObject(refusal('key_unknown'));
      const forge = new Forge(world, peer, spare);
      const claims = { iss: 'sealpost', type: 'sealpost.key.revoked' };
      expect(await post(world.url, await forge.token('fake', { claims }))).toMatchObject(
        refusal('key_unknown'),
      );
      const reserved = { type: 'sealpost.key.revoked' };
      expect(await post(world.url, await forge.token('own', { claims: reserved }))).toMatchObject(
        refusal('claims_invalid'),
      );
    });
  });

  describe('by re-enrolment, after all keys were lost', () => {
    it('rejects what the lost keys signed, holds nothing against the new ones, and delivers to them', async () => {
      const old = await world.partner();
      const [peer, operator] = [await world.partner(), await world.operator()];
      await Promise.all([peer.allow(old), old.allow(peer)]);
      const receiver = await world.receiver();
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': '1000' } });
      await peer.listens(receiver);
      const outgoing = await old.sends(peer);
      const incoming = await peer.sends(old);
      const forge = new Forge(world, peer, old);
      const sealed = await post(world.url, await forge.around('lost', await forge.sealed('lost')));
      await receiver.have(1);

      const json = { id: old.id };
      const { invite } = await operator.call<{ invite: string }>('POST', '/v1/invites', { json });
      const again = await world.stranger(old.id);
      await again.register({ name: old.id, contact: 'ops@old.example', invite });

      expect(await endOf(again, outgoing['id'])).toMatchObject({ reason: 'key_unknown' });
      expect(await endOf(peer, sealed['id'])).toMatchObject({ reason: 'stale_recipient_key' });
      const { sets } = await again.poll({ returnImmediately: true });
      const came = Object.values(sets).map((jwt) => claimsOf(jwt)['jti']);
      expect(came).toContain(incoming['jti']);
      expect(came).not.toContain('lost');
      receiver.answer = () => ({ status: 202 });
      const fresh = await again.sends(peer);
      await again.reaches(fresh['id'], 'delivered');
      expect(await old.sends(peer)).toMatchObject(refusal('key_unknown'));
      const notices = await until('both were told', () =>
        receiver.notices.length >= 2 ? receiver.notices : undefined,
      );
      expect(notices.map(({ claims }) => claims['type'])).toContain('sealpost.key.revoked');
    });
  });
});
