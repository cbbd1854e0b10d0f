import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Declined,
  Identity,
  type Message,
  type PrivateJwk,
  Receiver,
  Sender,
  type Session,
} from '../../src/client/index.js';
import type { SealAlg, SignAlg } from '../../src/crypto/index.js';
import { Partner } from '../support/partner.js';
import { claimsOf } from '../support/receiver.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

const SIGN: readonly SignAlg[] = ['ES256', 'PS256', 'Ed25519', 'ML-DSA-65'];
const SEAL = {
  'P-256': ['ECDH-ES+A256KW', 'P-256'],
  X25519: ['ECDH-ES+A256KW', 'X25519'],
  'P-256 directly': ['ECDH-ES', 'P-256'],
  'RSA-OAEP-256': ['RSA-OAEP-256', undefined],
} as const satisfies Record<string, readonly [SealAlg, 'P-256' | 'X25519' | undefined]>;
type Seal = keyof typeof SEAL;
const SEALS = Object.keys(SEAL).filter((name): name is Seal => name in SEAL);
const DATA = { customer: 'Grüße 👋', amount: 12.5, lines: [1, null, { a: '' }] };

let world: World;
const senders = new Map<SignAlg, Partner>();
const recipients = new Map<Seal, Partner>();
const servers: Server[] = [];

beforeAll(async () => {
  world = await World.make();
  for (const alg of SIGN) senders.set(alg, await world.partner(`by-${alg.toLowerCase()}`, { alg }));
  for (const [at, name] of SEALS.entries()) recipients.set(name, await sealedTo(`to-${at}`, name));
  for (const to of recipients.values()) for (const from of senders.values()) await to.allow(from);
}, 120_000);
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await world.stop();
});

/** A registered partner that is sealed to in this way. */
async function sealedTo(id: string, how: Seal): Promise<Partner> {
  const [alg, crv] = SEAL[how];
  const sig = await Identity.generateKey('sig', 'Ed25519');
  const enc = await Identity.generateKey('enc', alg, crv === undefined ? {} : { crv });
  return registered(id, [sig.privateJwk, enc.privateJwk]);
}

async function registered(id: string, keys: readonly PrivateJwk[]): Promise<Partner> {
  const partner = await Partner.make(id, world.url, { keys });
  await partner.register({ name: id, contact: `ops@${id}.example` });
  await (await world.operator()).call('POST', `/v1/partners/${id}/approve`);
  return partner;
}

/** Serves at a free port and registers it as the partner's endpoint. */
async function serve(listener: RequestListener, partner: Session): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
  const { id } = await partner.call<{ id: string }>('POST', '/v1/endpoints', { json: { url } });
  await until('the endpoint is verified', async () => {
    const { status } = await partner.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
    return status === 'active';
  });
  return id;
}

function of<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no ${String(key)}`);
  return value;
}

describe.each(SEALS)('content sealed to a key of %s', (how) => {
  it.each(SIGN)('and signed with %s is opened from the inbox, and by nobody else', async (alg) => {
    const from = of(senders, alg);
    const to = of(recipients, how);

    const sent = await new Sender(from).send(to.id, 'invoice.created', DATA);

    expect(claimsOf(sent.envelope)).toMatchObject({
      sealed: expect.any(String),
      type: 'invoice.created',
    });
    expect(JSON.stringify(claimsOf(sent.envelope))).not.toContain('customer');
    const { sets } = await to.poll({ returnImmediately: true });
    const [[deliveryId, envelope] = ['', '']] = Object.entries(sets);
    expect(envelope).toBe(sent.envelope);
    expect(await new Receiver(to).open(envelope)).toMatchObject({
      is: 'opened',
      message: { type: 'invoice.created', data: DATA, from: from.id, jti: sent.jti, sealed: true },
    });
    await to.poll({ maxEvents: 0, ack: [deliveryId] });
    await from.reaches(sent.id, 'acknowledged');
  });

  it('is opened at the webhook, whoever signed it', async () => {
    const to = of(recipients, how);
    const got: Message[] = [];
    const endpoint = await serve(
      new Receiver(to).webhook((message) => void got.push(message)),
      to,
    );

    for (const from of senders.values())
      await new Sender(from).send(to.id, 'invoice.created', { by: from.id });
    await until('all have come', () => got.length === senders.size);
    await to.call('DELETE', `/v1/endpoints/${endpoint}`);

    expect(got.map(({ from, data }) => [from, data])).toEqual(
      expect.arrayContaining([...senders.values()].map(({ id }) => [id, { by: id }])),
    );
    expect(got.every((message) => message.sealed)).toBe(true);
  });
});

it('signs the message for long with ML-DSA and the envelope for the way with Ed25519', async () => {
  const [quick, lasting] = await Promise.all([
    Identity.generateKey('sig', 'Ed25519'),
    Identity.generateKey('sig', 'ML-DSA-87'),
  ]);
  const from = await registered('lasting', [quick.privateJwk, lasting.privateJwk]);
  const to = of(recipients, 'X25519');
  await to.allow(from);

  await new Sender(from).send(to.id, 'contract.signed', DATA, {
    messageKid: lasting.publicJwk.kid,
    enc: 'A256CBC-HS512',
  });
  const { sets } = await to.poll({ returnImmediately: true });
  const [envelope = ''] = Object.values(sets);
  await to.poll({ maxEvents: 0, ack: Object.keys(sets) });

  const verdict = await new Receiver(to).open(envelope);
  expect(verdict).toMatchObject({ is: 'opened', message: { data: DATA } });
  const { message = '' } = verdict.is === 'opened' ? verdict.message.evidence : {};
  const header: unknown = JSON.parse(
    Buffer.from(message.split('.')[0] ?? '', 'base64url').toString(),
  );
  expect(header).toMatchObject({ alg: 'ML-DSA-87', kid: lasting.publicJwk.kid });
});

it('gives the sender receipts that the recipient signed, whoever asks later', async () => {
  const [from, to] = [await world.partner(), await world.partner()];
  await to.allow(from);
  const sender = new Sender(from);
  const faults: unknown[] = [];
  const receiver = new Receiver(to, {
    receipts: ['verified', 'processed', 'rejected'],
    onFault: (fault) => faults.push(fault),
  });
  const fine = await sender.send(to.id, 'a.b', 'fine');
  const bad = await sender.send(to.id, 'a.b', 'bad');

  const consumer = receiver.consume({
    handler: ({ data }) => {
      if (data === 'bad') throw new Declined('not this one');
    },
  });
  await from.reaches(fine.id, 'acknowledged');
  await from.reaches(bad.id, 'declined');
  await consumer.stop();

  expect(faults).toEqual([]);
  for (const [{ id, envelope }, states] of [
    [fine, ['accepted', 'delivered', 'processed', 'verified']],
    [bad, ['accepted', 'declined', 'rejected', 'verified']],
  ] as const) {
    const receipts = await from.receipts(id);
    const claims = await Promise.all(
      receipts.map(({ receipt }) => sender.directory.verifyReceipt(receipt, envelope)),
    );
    expect(claims.map(({ state }) => state).toSorted()).toEqual(states);
    expect(claims.filter(({ iss }) => iss === to.id)).toHaveLength(2);
  }
});

describe('a grant that takes sealed envelopes only', () => {
  it('lets sealed ones through and no others', async () => {
    const [from, to] = [await world.partner(), await world.partner()];
    await to.allow(from, ['*'], true);
    const sender = new Sender(from);

    await expect(sender.send(to.id, 'a.b', 1, { sealed: false })).rejects.toMatchObject({
      code: 'not_granted',
    });
    await sender.send(to.id, 'a.b', 1);
  });
});

describe('a recipient that changes its enc key', () => {
  it('gets what is sealed anew to the next, without the caller knowing', async () => {
    const [from, to] = [await world.partner(), await world.partner()];
    await to.allow(from);
    const sender = new Sender(from);
    await sender.send(to.id, 'before', 1);
    const old = claimsOf((await sender.send(to.id, 'before', 1)).envelope);
    const next = await Identity.generateKey('enc', 'ECDH-ES', { crv: 'P-256' });
    await to.call('POST', '/v1/keys', {
      json: await to.identity.newKey(next.privateJwk, await to.exchange.issuer()),
    });
    const oldKid = kidOf(old['sealed']);
    await to.call('POST', `/v1/keys/${oldKid}/revoke`, { json: { reason: 'superseded' } });

    const sent = await sender.send(to.id, 'after', { n: 2 }, { jti: 'mine' });
    const many = await sender.sendMany([to.id, to.id], 'after', { n: 3 });

    expect(kidOf(claimsOf(sent.envelope)['sealed'])).toBe(next.publicJwk.kid);
    expect(sent.jti).toBe('mine');
    expect(many.map((result) => result.is)).toEqual(['accepted', 'accepted']);
    const after = await Partner.make(to.id, world.url, { keys: [...to.keys, next.privateJwk] });
    const receiver = new Receiver(after);
    const { sets } = await after.poll({ returnImmediately: true });
    const verdicts = await Promise.all(Object.values(sets).map((one) => receiver.open(one)));
    expect(verdicts.filter((one) => one.is === 'opened')).toHaveLength(verdicts.length);
    expect(verdicts.length).toBeGreaterThanOrEqual(3);
  });
});

function kidOf(sealed: unknown): string {
  const [header = ''] = String(sealed).split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string };
  return kid;
}
