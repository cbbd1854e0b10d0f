import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOnlyFor, expectSoundLedger } from '../support/ledger.js';
import { claimsOf, type Receiver } from '../support/receiver.js';
import type { Partner } from '../support/partner.js';
import { ExchangeProcess } from '../support/process.js';
import { engines, World } from '../support/world.js';

const SOON_MS = 4_000;

describe.each(engines())('two APIs and two workers on %s', (engine) => {
  let world: World;
  let apis: ExchangeProcess[];
  let workers: ExchangeProcess[];
  let receiver: Receiver;
  let alices: Partner[];
  let bobs: Partner[];

  beforeAll(async () => {
    world = await World.bare({ engine, settings: { LONG_POLL_MS: '30000' } });
    const start = (ROLES: string) => ExchangeProcess.start({ ...world.env, ROLES });
    [apis, workers] = await Promise.all([
      Promise.all([start('api'), start('api')]),
      Promise.all([start('worker'), start('worker')]),
    ]);
    const [url = '', other = ''] = apis.map((api) => api.url);
    const alice = await world.partner('alice', { url });
    const bob = await world.partner('bob', { url });
    await bob.allow(alice);
    receiver = await world.receiver();
    await bob.listens(receiver, { types: ['push'] });
    alices = [alice, await alice.at(other)];
    bobs = [bob, await bob.at(other)];
  });
  afterAll(async () => {
    await Promise.all([...apis, ...workers].map((one) => one.kill()));
    expectOnlyFor('bob', receiver.received);
    await expectSoundLedger(world);
    await world.stop();
  });

  it('deliver what either accepted, each once', async () => {
    const jtis = Array.from({ length: 40 }, (_, n) => `push-${n}`);

    const sent = await Promise.all(
      jtis.map(async (jti, n) => {
        const [sender, recipient] = [alices[n % 2], bobs[0]];
        if (sender === undefined || recipient === undefined) throw new Error('no partner');
        return sender.sends(recipient, { type: 'push', jti });
      }),
    );

    await receiver.have(40);
    await Promise.all(sent.map(({ id }) => alices[0]?.reaches(id, 'delivered')));
    const got = receiver.received.map(({ claims }) => claims['jti']);
    expect(got).toHaveLength(40);
    expect(new Set(got)).toEqual(new Set(jtis));
  });

  it('wake a poll at one for what the other accepted', async () => {
    const [here, there] = bobs;
    const began = performance.now();
    const poll = there?.poll();
    await there?.poll({ maxEvents: 0 });

    if (here !== undefined) await alices[0]?.sends(here, { type: 'poll', jti: 'polled' });

    const [body = ''] = Object.values((await poll)?.sets ?? {});
    expect(claimsOf(body)['jti']).toBe('polled');
    expect(performance.now() - began).toBeLessThan(SOON_MS);
  });

  it.each([
    ['POST', '/v1/envelopes'],
    ['POST', '/v1/partners'],
    ['GET', '/v1/partners'],
    ['POST', '/v1/inbox/poll'],
    ['POST', '/oauth/token'],
    ['GET', '/.well-known/sealpost'],
    ['GET', '/openapi.json'],
    ['GET', '/docs'],
    ['GET', '/health/../v1/partners'],
    ['GET', '/health'],
  ])('%s %s is not there on a worker', async (method, path) => {
    const answer = await fetch(new URL(path, workers[0]?.url), { method });

    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'not_found' });
  });

  it('say on either that they are well', async () => {
    expect(await Promise.all([...apis, ...workers].map((one) => one.isReady()))).toEqual(
      Array(4).fill(true),
    );
  });

  it('end on SIGTERM with 0, and say nothing bad', async () => {
    const all = [...apis, ...workers];

    const exits = await Promise.all(all.map((one) => one.end('SIGTERM')));

    expect(exits.map(({ code }) => code)).toEqual(Array(4).fill(0));
    expect(all.map(({ stderr }) => stderr)).toEqual(Array(4).fill(''));
  });
});
