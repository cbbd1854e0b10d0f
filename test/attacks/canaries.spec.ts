import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Identity } from '../../src/client/index.js';
import { attemptJobs } from '../support/attempt-jobs.js';
import { ExchangeProcess } from '../support/process.js';
import type { Partner } from '../support/partner.js';
import type { Answer, Receiver } from '../support/receiver.js';
import { until } from '../support/until.js';
import { type Answered, raw, request, unique } from '../support/wire.js';
import { type EngineName, engines, ISSUER, World } from '../support/world.js';

/** What nobody but those it is for may see, each under the name of where it was planted. */
class Canaries {
  readonly planted = new Map<string, string>();

  /** A text to plant, which occurs nowhere else. */
  text(where: string): string {
    return this.plant(where, `canary-${where.replaceAll(' ', '-')}-${unique()}`);
  }

  plant(where: string, secret: string): string {
    this.planted.set(`${where} ${this.planted.size}`, secret);
    return secret;
  }

  /** Payload and signature of a token: neither may be repeated, whole or in part. */
  token(where: string, token: string): string {
    for (const segment of token.split('.').slice(1))
      if (segment.length > 20) this.plant(where, segment.slice(0, 60));
    return token;
  }

  /** Where each was planted that is found in the text. */
  foundIn(text: string): string[] {
    return [...this.planted].filter(([, secret]) => text.includes(secret)).map(([where]) => where);
  }
}

/** Everything a run of the exchange says besides what it was asked for. */
interface Said {
  readonly log: string;
  readonly refusals: readonly Answered[];
  readonly metrics: string;
  readonly jobs: string;
  readonly isWell: boolean;
}

const nasty = (canary: string): string => `${canary}\n{"level":"fatal"}\r\u001b[2J\u2028\u202e`;

class Run {
  readonly canaries = new Canaries();
  readonly refusals: Answered[] = [];

  constructor(
    readonly world: World,
    readonly exchange: ExchangeProcess,
  ) {}

  get url(): string {
    return this.exchange.url;
  }

  async partner(id: string): Promise<Partner> {
    const partner = await this.world.partner(id, { url: this.url });
    for (const key of partner.keys) this.canaries.plant('private key', String(key['d']));
    this.canaries.token('access token', await partner.token());
    return partner;
  }

  /** A request that has to be refused. */
  async refused(...[method, path, wanted]: [string, string, Parameters<typeof request>[3]?]) {
    const answer = await request(this.url, method, path, wanted);
    if (answer.status < 400) throw new Error(`${method} ${path}: ${answer.status}`);
    this.refusals.push(answer);
  }

  sign(by: Partner, to: Partner, more: Record<string, unknown> = {}): Promise<string> {
    return by.sign({
      to: to.id,
      type: 'invoice.created',
      data: { secret: this.canaries.text('content') },
      ...more,
    });
  }
}

/** The main job, push and poll, with contents that nobody else may see. */
async function mainJob(run: Run, [alice, bob, dora]: [Partner, Partner, Partner], hook: Receiver) {
  const { canaries } = run;
  const url = `${hook.url}/${canaries.text('path of a URL')}?token=${canaries.text('query of a URL')}`;
  const { id } = await bob.call<{ id: string }>('POST', '/v1/endpoints', { json: { url } });
  await until('the endpoint is verified', async () => {
    const { status } = await bob.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
    return status === 'active';
  });
  for (const to of [bob, dora])
    await alice.deliver(canaries.token('envelope', await run.sign(alice, to)));
  await hook.have(1);
  const { sets } = await dora.poll({ maxEvents: 1 });
  const [delivery = ''] = Object.keys(sets);
  const description = nasty(canaries.text('description of an error'));
  await dora.poll({
    maxEvents: 0,
    returnImmediately: true,
    setErrs: { [delivery]: { err: 'invalid_key', description } },
  });
}

/** What a receiver says when it fails, which it may make up as it likes. */
async function failingReceivers(run: Run, [alice, bob]: [Partner, Partner], hook: Receiver) {
  const { canaries } = run;
  const answers: (Answer | 'reset')[] = [
    { status: 500, body: nasty(canaries.text('body of a 500')) },
    { status: 503, headers: { 'x-secret': canaries.text('header of a 503') }, body: '' },
    { status: 302, headers: { location: `https://evil.example/?${canaries.text('location')}` } },
    {
      status: 400,
      body: JSON.stringify({
        err: canaries.text('err'),
        description: canaries.text('description'),
      }),
    },
    'reset',
  ];
  const all = answers.length;
  hook.answer = () => answers.shift() ?? { status: 202 };
  const before = hook.received.length;
  await alice.deliver(await run.sign(alice, bob));
  await hook.have(before + all + 1);
}

/** Everything that is refused, with something in it that must not be repeated. */
async function refusals(run: Run, [alice, bob]: [Partner, Partner]) {
  const { canaries } = run;
  const token = await alice.token();
  const stranger = await Identity.generateKey('sig', 'Ed25519');
  const privateJwk = stranger.privateJwk;
  canaries.plant('private key posted by mistake', String(privateJwk['d']));
  const envelope = (text: string) => ({ text, type: 'application/jwt' });
  const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const good = await run.sign(alice, bob);
  const [head, payload, signature] = good.split('.');

  await run.refused(
    'POST',
    '/v1/envelopes',
    envelope(`${head}.${payload}.${signature?.slice(0, -6)}AAAAAA`),
  );
  for (const odd of [
    { typ: nasty(canaries.text('typ')) },
    { alg: canaries.text('alg') },
    { kid: canaries.text('kid') },
    { kid: nasty(canaries.text('kid')) },
    { [canaries.text('header member')]: 1 },
    { jku: `https://${canaries.text('jku')}.example/` },
  ]) {
    const header = b64({ typ: 'sealpost-envelope+jwt', alg: 'Ed25519', kid: 'k', ...odd });
    await run.refused('POST', '/v1/envelopes', envelope(`${header}.${payload}.${signature}`));
  }
  const claims = { to: 'bob', data: 1, type: 'invoice.created' };
  for (const odd of [{ jti: nasty(canaries.text('jti')) }, { type: nasty(canaries.text('type')) }])
    await run.refused('POST', '/v1/envelopes', envelope(await alice.sign({ ...claims, ...odd })));
  await run.refused(
    'POST',
    '/v1/envelopes',
    envelope(await alice.sign({ ...claims, to: canaries.text('aud') })),
  );
  await run.refused('POST', '/v1/envelopes', envelope(canaries.text('no token')));
  await run.refused('POST', '/v1/envelopes', {
    token,
    json: { envelopes: [canaries.text('batch')], x: 1 },
  });
  await run.refused('POST', '/v1/keys', {
    token,
    json: { jwk: privateJwk, statement: canaries.text('statement') },
  });
  const registration = await Identity.of('eve', [privateJwk]).then((eve) =>
    eve.registration({ name: 'Eve', contact: 'e@e.example' }, ISSUER),
  );
  for (const proof of registration.proofs) canaries.token('proof', proof);
  await run.refused('POST', '/v1/partners', {
    json: { ...registration, jwks: { keys: [privateJwk] } },
  });
  await run.refused('POST', '/v1/partners', {
    json: { ...registration, name: nasty(canaries.text('name')) },
  });
  await run.refused('POST', '/v1/partners', {
    json: { ...registration, invite: canaries.text('invite') },
  });
  await run.refused('POST', '/v1/endpoints', {
    token,
    json: { url: `ftp://u:${canaries.text('password')}@h/?${canaries.text('query')}` },
  });
  await run.refused('POST', '/v1/endpoints', {
    token,
    text: `{"url": "${canaries.text('broken JSON')}`,
    type: 'application/json',
  });
  const assertion = canaries.token(
    'assertion',
    await alice.identity.assertion('https://other.example'),
  );
  const form = {
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    scope: canaries.text('scope'),
  };
  await run.refused('POST', '/oauth/token', {
    text: new URLSearchParams(form).toString(),
    type: 'application/x-www-form-urlencoded',
  });
  await run.refused('GET', `/v1/keys?access_token=${token}&x=${canaries.text('query')}`);
  await run.refused('GET', `/${canaries.text('path')}`);
  await run.refused('GET', '/v1/keys', {
    headers: {
      authorization: `Bearer ${canaries.text('authorization')}`,
      cookie: `s=${canaries.text('cookie')}`,
      'user-agent': canaries.text('user agent'),
      'x-request-id': canaries.text('request id'),
    },
  });
  await run.refused('POST', `/v1/keys/${canaries.text('kid')}/revoke`, { token, json: {} });
  run.refusals.push(
    await raw(
      run.url,
      `GET /v1/keys HTTP/1.1\r\nHost: x\r\nX: ${canaries.text('raw header')}\n\u0000\r\n\r\n`,
    ),
  );
}

/** PostgreSQL fails, and says why with the values of the row. */
async function failingLedger(run: Run, [alice, bob]: [Partner, Partner]) {
  const { world, canaries } = run;
  const envelope = await run.sign(alice, bob, { type: 'broken.row' });
  await world.rows(
    `alter table envelope add constraint canary check (type <> 'broken.row') not valid`,
  );
  await run.refused('POST', '/v1/envelopes', { text: envelope, type: 'application/jwt' });
  await world.rows('alter table envelope drop constraint canary');
  const token = await bob.token();
  await world.rows(
    `alter table partner_grant add constraint canary check (not 'broken.grant' = any (types)) not valid`,
  );
  await run.refused('PUT', '/v1/grants/alice', { token, json: { types: ['broken.grant'] } });
  await world.rows('alter table partner_grant drop constraint canary');
  await world.rows('alter table endpoint rename to endpoint_gone');
  const url = `${run.url}/${canaries.text('path of a URL')}`;
  await run.refused('POST', '/v1/endpoints', { token, json: { url } });
  await world.rows('alter table endpoint_gone rename to endpoint');
}

/** What lies in the queue while the workers rest. */
async function jobsInQueue(
  run: Run,
  [alice, bob]: [Partner, Partner],
  engine: EngineName,
  hook: Receiver,
): Promise<string> {
  const queue = attemptJobs(run.world);
  await queue.pause();
  const before = hook.received.length;
  try {
    for (let i = 0; i < 3; i += 1)
      await alice.deliver(run.canaries.token('envelope', await run.sign(alice, bob)));
    await until('the jobs are in the queue', async () =>
      (await queueText(run.world, engine)).includes('"attempt"'),
    );
    return await queueText(run.world, engine);
  } finally {
    await queue.resume();
    await queue.close();
    await hook.have(before + 3);
  }
}

async function queueText(world: World, engine: EngineName): Promise<string> {
  if (engine === 'postgres') {
    const tables = await world.rows<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'bullmq'`,
    );
    const rows = await Promise.all(
      tables.map(({ name }) => world.rows(`select to_jsonb(t)::text as row from ${name} t`)),
    );
    return rows
      .flat()
      .map((one) => String(one['row']).replaceAll('\\"', '"'))
      .join('\n');
  }
  const redis = new Redis(world.env['REDIS_URL'] ?? '');
  try {
    const keys = await redis.keys(`${world.env['REDIS_PREFIX']}*`);
    const all = await Promise.all(
      keys.map(async (key) => {
        const type = await redis.type(key);
        if (type === 'hash') return [key, await redis.hgetall(key)];
        if (type === 'list') return [key, await redis.lrange(key, 0, -1)];
        if (type === 'zset') return [key, await redis.zrange(key, '0', '-1')];
        if (type === 'stream') return [key, await redis.xrange(key, '-', '+')];
        return [key, type === 'string' ? await redis.get(key) : type];
      }),
    );
    return JSON.stringify(all).replaceAll('\\"', '"');
  } finally {
    redis.disconnect();
  }
}

describe.each(engines())('a whole run, logged to the last line, on %s', (engine) => {
  let world: World;
  let run: Run;
  let said: Said;

  beforeAll(async () => {
    world = await World.bare({
      engine,
      settings: { LOG_LEVEL: 'trace', RETRY_SCHEDULE_MS: '50', SWEEP_MS: '200' },
    });
    const exchange = await ExchangeProcess.start(world.env);
    run = new Run(world, exchange);
    const hook = await world.receiver();
    const [alice, bob, dora] = [
      await run.partner('alice'),
      await run.partner('bob'),
      await run.partner('dora'),
    ];
    for (const recipient of [bob, dora]) await recipient.allow(alice);
    await mainJob(run, [alice, bob, dora], hook);
    await failingReceivers(run, [alice, bob], hook);
    await refusals(run, [alice, bob]);
    await failingLedger(run, [alice, bob]);
    const jobs = await jobsInQueue(run, [alice, bob], engine, hook);
    const challenges = await world.rows<{ challenge: string }>('select challenge from endpoint');
    for (const { challenge } of challenges) run.canaries.plant('challenge', challenge);
    for (const key of JSON.parse(world.env['EXCHANGE_JWKS'] ?? '{}').keys)
      run.canaries.plant('key of the exchange', key.d);
    run.canaries.plant(
      'database password',
      new URL(world.env['DATABASE_URL'] ?? '').password || 'no password',
    );
    const metrics = await (await fetch(`${exchange.url}/metrics`)).text();
    const isWell = await exchange.isReady();
    await exchange.end('SIGTERM');
    said = {
      log: exchange.stdout + exchange.stderr,
      refusals: run.refusals,
      metrics,
      jobs,
      isWell,
    };
  });
  afterAll(() => world.stop());

  it('shows what was planted in no line of the log, not in its errors nor in their stacks', () => {
    expect(run.canaries.planted.size).toBeGreaterThan(60);
    expect(said.log).toContain('"event":"envelope.accepted"');
    expect(said.log).toContain('"event":"delivery.attempted"');
    expect(said.log).toMatch(/"event":"(?:http|accept)\.broken"/);

    expect(run.canaries.foundIn(said.log)).toEqual([]);
  });

  it('shows what was planted in no answer that refuses, and neither stack nor SQL', () => {
    expect(said.refusals.length).toBeGreaterThan(25);
    expect(said.refusals.map(({ status }) => status)).toContain(500);
    for (const { text, headers } of said.refusals) {
      const whole = `${text} ${JSON.stringify([...headers])}`;
      expect([text, run.canaries.foundIn(whole)]).toEqual([text, []]);
      expect(text).not.toMatch(
        /\bat .+:\d+|node_modules|select |insert |relation |constraint|\.[jt]s\b/,
      );
    }
  });

  it('shows what was planted in no job of the queue, nor the partners', () => {
    expect(said.jobs).toContain('"attempt"');

    expect(run.canaries.foundIn(said.jobs)).toEqual([]);
    expect(said.jobs).not.toMatch(/alice|dora|invoice/);
  });

  it('shows what was planted in no metric, nor partners or envelopes', () => {
    expect(said.metrics).toContain('http');

    expect(run.canaries.foundIn(said.metrics)).toEqual([]);
    expect(said.metrics).not.toMatch(/alice|dora|invoice\./);
  });

  it('has no more series for all that was refused: labels are of closed sets', () => {
    const values = [...said.metrics.matchAll(/\b(?:route|code|method|outcome)="([^"]*)"/g)];

    expect(values.length).toBeGreaterThan(0);
    expect(new Set(values.map(([, value]) => value)).size).toBeLessThan(120);
    for (const [, value = ''] of values) expect(value).toMatch(/^[\w/:.{}*-]{1,80}$/);
  });

  it('is one JSON object on every line, and nothing that a terminal obeys', () => {
    const lines = said.log.split('\n').filter(Boolean);

    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service: 'sealpost' });
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(said.log).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/);
    expect(said.log).not.toContain('"level":"fatal"');
  });

  it('is the process that it was before (296)', () => {
    expect(said.isWell).toBe(true);
  });
});

describe('a start that cannot be', () => {
  it('names no password when it cannot start, and no key', () => {
    const canaries = new Canaries();
    const password = canaries.text('password');
    const env = {
      PATH: process.env['PATH'] ?? '',
      ISSUER: 'https://exchange.test',
      PORT: '0',
      DATABASE_URL: `postgres://sealpost:${password}@127.0.0.1:1/none?${canaries.text('query')}`,
      EXCHANGE_JWKS: JSON.stringify({
        keys: [{ kty: 'OKP', crv: 'Ed25519', d: canaries.text('d') }],
      }),
    };

    for (const more of [
      {},
      { REDIS_URL: `redis://:${password}@127.0.0.1:1` },
      { ISSUER: `https://u:${password}@x` },
    ]) {
      const { stdout, stderr, status } = spawnSync(process.execPath, [resolve('dist/main.js')], {
        env: { ...env, ...more },
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stderr.trim()).not.toBe('');
      expect(canaries.foundIn(stdout + stderr)).toEqual([]);
    }
  });
});

describe('the log (315)', () => {
  it('takes whatever it is given: deep, endless, huge, hostile; each is one short line', () => {
    const program = `
      import { Log } from ${JSON.stringify(resolve('dist/platform/log/log.js'))};
      const log = new Log('trace');
      const circle = {}; circle.self = circle;
      let deep = {}; for (let i = 0; i < 10_000; i += 1) deep = { deep };
      const hostile = { get x() { throw new Error('no'); }, toJSON() { throw new Error('no'); } };
      const error = Object.assign(new Error('one\\ncanary-second-line\\n' + 'x'.repeat(100_000)), { payload: 'canary-payload', cause: 'canary-cause' });
      log.step('a', { circle, deep, big: 1n, text: 'x'.repeat(100_000), many: Array(100_000).fill('y') });
      log.step('b', { hostile, symbol: Symbol('s'), fn() {}, nothing: undefined, date: new Date(NaN) });
      log.broken('c', error); log.broken('c', hostile); log.broken('c', null); log.broken('c', 'canary-thrown');
      log.step('d', { name: '\\n{"level":60}\\u001b[2J\\u2028\\u202e\\u0085' });
      log.warn({ circle }, 'x'); log.error(hostile); log.log(undefined);`;

    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program],
      { encoding: 'utf8', maxBuffer: 1e8 },
    );

    expect([status, stderr]).toEqual([0, '']);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(10);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ service: 'sealpost' });
    for (const line of lines) expect(line.length).toBeLessThan(10_000);
    expect(stdout).not.toMatch(/canary-(?:payload|cause|thrown)/);
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/);
  });
});
