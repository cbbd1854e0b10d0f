import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PrivateJwk } from '../../src/client/index.js';
import { Partner } from '../support/partner.js';
import { ExchangeProcess } from '../support/process.js';
import { Receiver } from '../support/receiver.js';
import { freePort } from '../support/services.js';

const HANG = new Promise<never>(() => undefined);
const NOBODY = 65_534;
const IS_ROOT = process.getuid?.() === 0;

describe('the embedded default', () => {
  let dir: string;
  let env: Record<string, string>;
  let exchange: ExchangeProcess;
  let receiver: Receiver;
  let alice: Partner;
  let bob: Partner;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-embedded-'));
    // Issuer and port stay what they were at the first start.
    env = { DATA_DIR: join(dir, 'data'), PORT: String(await freePort()), SWEEP_MS: '200' };
    receiver = await Receiver.start();
    exchange = await ExchangeProcess.start(env);
    const operator = await operatorOf(join(dir, 'data'));
    [alice, bob] = await Promise.all([joins('alice', operator), joins('bob', operator)]);
    await bob.allow(alice);
    await bob.listens(receiver, { types: ['push.*'] });
  });
  afterAll(async () => {
    await exchange.kill();
    await receiver.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });

  async function operatorOf(dataDir: string): Promise<Partner> {
    const jwk = JSON.parse(await readFile(join(dataDir, 'operator.jwk'), 'utf8')) as PrivateJwk;
    return Partner.make('operator', exchange.url, { keys: [jwk] });
  }

  async function joins(id: string, operator: Partner): Promise<Partner> {
    const partner = await Partner.make(id, exchange.url);
    await partner.register({ name: id, contact: `ops@${id}.example` });
    await operator.call('POST', `/v1/partners/${id}/approve`);
    return partner;
  }

  it('says where it is and how to stop it', () => {
    expect(exchange.stdout).toContain(exchange.url.replace('127.0.0.1', 'localhost'));
    expect(exchange.stdout).toContain('Ctrl-C');
    expect(exchange.stderr).toBe('');
  });

  it('ends with 1 when its PostgreSQL was killed, and starts again on the same data', async () => {
    const dataDir = join(dir, 'data');
    const pidFile = join(dataDir, 'postgres', 'postgres', 'cluster', 'postmaster.pid');
    const [pid = ''] = (await readFile(pidFile, 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');

    const { code } = await exchange.exit();

    expect(code).toBe(1);
    exchange = await ExchangeProcess.start(env);
    expect(await alice.sends(bob, { type: 'kept.after-loss' })).toMatchObject({ status: 200 });
    await bob.poll({ returnImmediately: true });
  });

  it('ends on Ctrl-C within 5 s with 0, a poll and a push under way, and loses nothing', async () => {
    receiver.answer = () => HANG;
    const envelope = await alice.sign({ to: 'bob', type: 'push.hangs', data: 1 });
    const { id } = await alice.deliver(envelope);
    await receiver.have(1);
    const poll = bob.poll();
    await bob.poll({ maxEvents: 0 });

    const { code, tookMs } = await exchange.end('SIGINT');

    expect(await poll).toEqual({ sets: {} });
    expect(exchange.stderr).toBe('');
    expect({ code, inTime: tookMs < 5_000 }).toEqual({ code: 0, inTime: true });
    receiver.answer = () => ({ status: 202 });
    exchange = await ExchangeProcess.start(env);
    const received = await receiver.have(2);
    expect(received[1]?.body).toBe(envelope);
    expect((await alice.reaches(id, 'delivered')).attempts).toMatchObject([
      { outcome: 'failed', reason: 'interrupted' },
      { outcome: 'delivered' },
    ]);
  });

  it('starts again after kill -9 with all that it had accepted', async () => {
    const before = receiver.received.length;
    const envelopes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        alice.sign({ to: 'bob', type: n % 2 === 0 ? 'push.n' : 'poll.n', data: n }),
      ),
    );
    await Promise.all(envelopes.map((envelope) => alice.deliver(envelope)));
    await exchange.kill();

    exchange = await ExchangeProcess.start(env);

    const { sets } = await bob.poll();
    await receiver.have(before + 10);
    const got = [...Object.values(sets), ...receiver.received.slice(before).map((one) => one.body)];
    expect(new Set(got)).toEqual(new Set(envelopes));
  });

  it('leaves the data to the one that has them, and says who that is', async () => {
    const second = await ExchangeProcess.spawn({ ...env, PORT: '0' });

    const { code } = await second.exit();

    expect(code).toBe(1);
    expect(second.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        new RegExp(`^Cannot start: .*in use by another Sealpost \\(pid ${exchange.pid}\\)`),
      ),
    ]);
    expect(await exchange.isReady()).toBe(true);
  });

  it.runIf(IS_ROOT)('runs as a user without any rights of root', async () => {
    const own = join(dir, 'nobodys');
    const home = await mkdtemp(own);
    await chown(dir, NOBODY, NOBODY);
    await chown(home, NOBODY, NOBODY);

    const other = await ExchangeProcess.start({ DATA_DIR: home, PORT: '0' }, { uid: NOBODY });

    expect(await other.end('SIGTERM')).toMatchObject({ code: 0 });
  });
});

describe('a start that cannot be', () => {
  it('names every setting that is wrong, and ends with 1', async () => {
    const faulty = await ExchangeProcess.spawn({
      PORT: '70000',
      ROLES: 'api,chef',
      SWEEP_MS: 'soon',
      REDIS_URL: 'http://localhost',
      EGRESS_ALLOW: '10.0.0.0/99',
    });

    expect(await faulty.exit()).toMatchObject({ code: 1 });
    expect(faulty.stdout).toBe('');
    const lines = faulty.stderr.trimEnd().split('\n');
    expect(lines[0]).toBe('Cannot start:');
    for (const name of ['PORT', 'ROLES', 'SWEEP_MS', 'REDIS_URL', 'EGRESS_ALLOW'])
      expect(lines.filter((line) => line.startsWith(`  ${name}: `)).length).toBeGreaterThan(0);
  });

  it('says in one line that its port is taken', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sealpost-port-'));
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;

    const late = await ExchangeProcess.spawn({ DATA_DIR: dir, PORT: String(port) });

    expect(await late.exit()).toMatchObject({ code: 1 });
    expect(late.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(new RegExp(`^Cannot start: .*${port}`)),
    ]);
    server.close();
    await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
});
