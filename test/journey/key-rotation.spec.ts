import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { encKeyOf, Forge, post } from '../support/forge.js';
import { type Outcome, Partner } from '../support/partner.js';
import { claimsOf, type Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { request } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

type KeyState = 'active' | 'retired' | 'revoked' | 'revoked since now' | 'not yet' | 'expired';

/**
 * Rotation with overlap: two keys of one partner, and what each path makes of the second one in each of
 * its states. Whatever the state of one, the other is as good as before.
 */
describe('a key beside another', () => {
  let world: World;
  let peer: Partner;
  let receiver: Receiver;

  beforeAll(async () => {
    world = await World.make({ settings: { SWEEP_MS: '100', RETRY_SCHEDULE_MS: '500' } });
    peer = await world.partner();
    receiver = await world.receiver();
    await peer.listens(receiver, { types: ['invoice.pushed'] });
  });
  afterAll(() => world.stop());

  const later = (ms: number): string => new Date(world.clock.now().getTime() + ms).toISOString();

  const VALIDITY: Partial<Record<KeyState, () => object>> = {
    'not yet': () => ({ notBefore: later(3_600_000), notAfter: later(7_200_000) }),
    expired: () => ({ notAfter: later(4_000) }),
  };

  async function add(owner: Partner, key: PrivateJwk, state: KeyState): Promise<void> {
    const json = await owner.identity.newKey(key, ISSUER);
    await owner.call('POST', '/v1/keys', { json: { ...json, ...VALIDITY[state]?.() } });
  }

  /** Brings the key, which is active until now, into the state. */
  async function bring(owner: Partner, kid: unknown, state: KeyState): Promise<void> {
    const path = `/v1/keys/${String(kid)}`;
    if (state === 'retired') await owner.call('POST', `${path}/retire`);
    if (state === 'revoked') await owner.call('POST', `${path}/revoke`, { json: {} });
    if (state === 'revoked since now')
      await owner.call('POST', `${path}/revoke`, { json: { since: later(0) } });
    if (state === 'expired') world.clock.advance(4_500);
  }

  describe('for signing', () => {
    const NO: Paths = {
      accept: 'key_unknown',
      token: 'invalid_client',
      guard: 'unauthorized',
      statement: 'proof_invalid',
      receipt: 'key_unknown',
      poll: 'comes',
      push: 'comes',
    };
    const YES: Paths = {
      accept: 'ok',
      token: 'ok',
      guard: 'ok',
      statement: 'ok',
      receipt: 'ok',
      poll: 'comes',
      push: 'comes',
    };
    const STATES: readonly (readonly [KeyState, Paths])[] = [
      ['active', YES],
      ['retired', NO],
      ['revoked', { ...NO, poll: 'does not come', push: 'does not come' }],
      ['revoked since now', NO],
      // Nothing was ever accepted with it.
      ['not yet', { ...NO, guard: 'no token', poll: 'does not come', push: 'does not come' }],
      ['expired', NO],
    ];

    it.each(STATES)('that is %s', async (state, expected) => {
      const { main, second } = await rotating(state);
      const before = await sendBefore(second);
      const token = await second.token().catch(() => undefined);
      const toSecond = await delivered(main);

      await bring(main, second.keys[0]?.['kid'], state);

      const seen: Paths = {
        accept: codeOf(await second.sends(peer)),
        token: await tokenOf(await Partner.make(main.id, world.url, { keys: second.keys })),
        guard: await guardOf(token),
        statement: await statementBy(second, main),
        receipt: await receiptBy(second, toSecond),
        poll: (await comesByPoll(before)) ? 'comes' : 'does not come',
        push: (await comesByPush(before)) ? 'comes' : 'does not come',
      };
      expect(seen).toEqual(expected);
      expect(await main.sends(peer)).toMatchObject({ state: 'accepted' });
    });

    interface Paths {
      readonly accept: string;
      readonly token: string;
      readonly guard: string;
      readonly statement: string;
      readonly receipt: string;
      readonly poll: string;
      readonly push: string;
    }

    async function rotating(state: KeyState): Promise<{ main: Partner; second: Partner }> {
      const main = await world.partner();
      await peer.allow(main);
      const { privateJwk } = await Identity.generateKey('sig', 'ES256');
      await add(main, privateJwk, state);
      const keys = [privateJwk];
      return { main, second: await Partner.make(main.id, world.url, { keys }) };
    }

    /** One that waits in the inbox, and one that has failed once and waits for its next attempt. */
    async function sendBefore(second: Partner): Promise<{ poll: unknown; push: unknown }> {
      receiver.answer = () => ({ status: 503, headers: { 'retry-after': '3' } });
      const tried = receiver.received.length;
      const poll = await second.sends(peer);
      const push = await second.sends(peer, { type: 'invoice.pushed' });
      if (push.status === 200) await until('it was tried', () => receiver.received.length > tried);
      receiver.answer = () => ({ status: 202 });
      return { poll: poll['jti'], push: push['jti'] };
    }

    async function comesByPoll({ poll }: { poll: unknown }): Promise<boolean> {
      const { sets } = await peer.poll({ returnImmediately: true });
      await peer.poll({ maxEvents: 0, ack: Object.keys(sets) });
      return Object.values(sets).some((jwt) => claimsOf(jwt)['jti'] === poll);
    }

    async function comesByPush({ push }: { push: unknown }): Promise<boolean> {
      world.clock.advance(5_000);
      const rows = await until('its delivery ended', async () => {
        const found = await world.rows<{ state: string }>(
          `select d.state from delivery d join envelope v on v.id = d.envelope_id
           where v.jti = $1 and d.ended_at is null`,
          [push],
        );
        return found.length === 0 ? found : undefined;
      });
      expect(rows).toEqual([]);
      return receiver.received.filter(({ claims }) => claims['jti'] === push).length === 2;
    }

    async function delivered(to: Partner): Promise<{ envelope: string; jti: string }> {
      await to.allow(peer);
      const envelope = await peer.sign({ to: to.id, type: 'invoice.created', data: 1 });
      const { jti } = await peer.deliver(envelope);
      const { sets } = await to.poll({ returnImmediately: true });
      await to.poll({ maxEvents: 0, ack: Object.keys(sets) });
      return { envelope, jti };
    }

    async function receiptBy(
      second: Partner,
      { envelope, jti }: { envelope: string; jti: string },
    ): Promise<string> {
      const receipt = await second.identity.sign('sealpost-receipt+jwt', {
        iss: second.id,
        aud: peer.id,
        via: ISSUER,
        jti: crypto.randomUUID(),
        iat: Math.floor(Date.now() / 1000),
        state: 'processed',
        recipient: second.id,
        envelope: {
          iss: peer.id,
          jti,
          sha256: createHash('sha256').update(envelope).digest('base64url'),
          jkt: peer.identity.jkt,
        },
      });
      // With a token of the other key: the receipt's own is what is looked at.
      const { results } = await mainOf(second).call<{ results: Outcome[] }>(
        'POST',
        '/v1/receipts',
        { json: { receipts: [receipt] } },
      );
      return results[0]?.code ?? 'ok';
    }

    const mains = new Map<string, Partner>();
    const mainOf = (second: Partner): Partner => mains.get(second.id) ?? second;

    async function statementBy(second: Partner, main: Partner): Promise<string> {
      mains.set(second.id, main);
      const { privateJwk } = await Identity.generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
      const json = await second.identity.newKey(privateJwk, ISSUER);
      return codeOf(await main.try(main.call('POST', '/v1/keys', { json })));
    }

    async function tokenOf(who: Partner): Promise<string> {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await who.identity.assertion(ISSUER),
      });
      const { status, body } = await request(world.url, 'POST', '/oauth/token', {
        text: form.toString(),
        type: 'application/x-www-form-urlencoded',
      });
      return status === 200 ? 'ok' : String(body['error']);
    }

    async function guardOf(token: string | undefined): Promise<string> {
      if (token === undefined) return 'no token';
      const { status, body } = await request(world.url, 'GET', '/v1/keys', { token });
      return status === 200 ? 'ok' : String(body['code']);
    }
  });

  describe('for sealing', () => {
    const STATES: readonly (readonly [KeyState, object])[] = [
      ['active', { accept: 'ok', before: 'comes' }],
      ['retired', { accept: 'stale_recipient_key', before: 'comes' }],
      ['revoked', { accept: 'stale_recipient_key', before: 'does not come' }],
      ['revoked since now', { accept: 'stale_recipient_key', before: 'comes' }],
      ['not yet', { accept: 'stale_recipient_key', before: 'does not come' }],
      ['expired', { accept: 'stale_recipient_key', before: 'comes' }],
    ];

    it.each(STATES)('that is %s', async (state, expected) => {
      const recipient = await world.partner();
      await recipient.allow(peer);
      const { privateJwk: second } = await Identity.generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
      await add(recipient, second, state);
      const forge = new Forge(world, peer, recipient);
      const send = async (key: PrivateJwk): Promise<Outcome> => {
        const jti = crypto.randomUUID();
        return post(world.url, await forge.around(jti, await forge.sealed(jti, {}, key)));
      };
      const before = await send(second);

      await bring(recipient, second['kid'], state);

      const { sets } = await recipient.poll({ returnImmediately: true });
      const came = Object.values(sets).some((jwt) => claimsOf(jwt)['jti'] === before['jti']);
      const accept = codeOf(await send(second));
      expect({ accept, before: came ? 'comes' : 'does not come' }).toEqual(expected);
      expect(await send(encKeyOf(recipient))).toMatchObject({ status: 202 });
    });
  });

  describe('with a time of its own', () => {
    it('is used from then on and until then, with nobody doing anything', async () => {
      const main = await world.partner();
      await peer.allow(main);
      const { privateJwk } = await Identity.generateKey('sig', 'ES256');
      const json = {
        ...(await main.identity.newKey(privateJwk, ISSUER)),
        notBefore: later(3_000),
        notAfter: later(6_000),
      };
      await main.call('POST', '/v1/keys', { json });
      const second = await Partner.make(main.id, world.url, { keys: [privateJwk] });

      const seen = [codeOf(await second.sends(peer))];
      world.clock.advance(3_500);
      seen.push(codeOf(await second.sends(peer)));
      world.clock.advance(3_500);
      seen.push(codeOf(await second.sends(peer)));

      expect(seen).toEqual(['key_unknown', 'ok', 'key_unknown']);
    });

    it.each([
      ['that is over', () => ({ notAfter: later(-1_000) })],
      ['that ends before it begins', () => ({ notBefore: later(9_000), notAfter: later(8_000) })],
      ['that is none', () => ({ notAfter: 'tomorrow' })],
      ['that is null', () => ({ notBefore: null })],
    ])('%s is refused', async (_what, validity) => {
      const main = await world.partner();
      const { privateJwk } = await Identity.generateKey('sig', 'ES256');
      const json = { ...(await main.identity.newKey(privateJwk, ISSUER)), ...validity() };

      expect(await main.try(main.call('POST', '/v1/keys', { json }))).toMatchObject({
        status: 400,
        code: 'validation_failed',
      });
    });
  });
});

function codeOf(outcome: Outcome): string {
  return outcome.code ?? 'ok';
}
