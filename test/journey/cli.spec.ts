import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Finished, Program } from '../support/command.js';
import { freePort } from '../support/services.js';
import { claimsOf } from '../support/receiver.js';
import { ISSUER, World } from '../support/world.js';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const REPO = resolve(import.meta.dirname, '../..');

describe('the sealpost command', () => {
  let world: World;
  let cwd: string;

  beforeAll(async () => {
    world = await World.make();
    cwd = mkdtempSync(join(tmpdir(), 'sealpost-cli-'));
    writeFileSync(join(cwd, 'operator.jwk'), JSON.stringify(world.operatorKey), { mode: 0o600 });
  });
  afterAll(async () => {
    rmSync(cwd, { recursive: true, force: true });
    await world.stop();
  });

  function start(words: readonly string[], stdin?: string): Program {
    const env = { SEALPOST_URL: world.url, DATA_DIR: cwd };
    return Program.start('sealpost.js', words, {
      cwd,
      env,
      ...(stdin === undefined ? {} : { stdin }),
    });
  }

  function run(words: readonly string[], stdin?: string): Promise<Finished> {
    return start(words, stdin).finish();
  }

  /** Runs with --json, expects exit 0, answers what it printed, line by line. */
  async function lines(
    words: readonly string[],
    stdin?: string,
  ): Promise<Record<string, unknown>[]> {
    const { exit, stdout, stderr } = await run([...words, '--json'], stdin);
    expect({ words, exit, stderr }).toEqual({ words, exit: 0, stderr: '' });
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async function json(words: readonly string[], stdin?: string): Promise<Record<string, unknown>> {
    const [only, ...more] = await lines(words, stdin);
    expect(more).toEqual([]);
    return only ?? {};
  }

  async function partner(id: string, ...keygen: string[]): Promise<void> {
    await json(['keygen', id, ...keygen]);
    await json(['register', '-p', id, '--contact', `ops@${id}.example`]);
    await json(['approve', id]);
  }

  function fileOf(name: string, text: unknown): string {
    const path = join(cwd, name);
    writeFileSync(path, String(text));
    return path;
  }

  it('leads a newcomer from nothing to a delivered envelope and its verified receipts', async () => {
    const made = await run(['keygen', 'alice']);
    const registered = await run(['register', '--contact', 'ops@alice.example']);
    const waiting = await run(['approve']);
    const approved = await run(['approve', 'alice']);
    await partner('bob', '--alg', 'ES256', '--enc', 'ECDH-ES+A256KW');
    const granted = await run(['grant', 'alice', 'invoice.*', '-p', 'bob']);
    const listening = start([
      'listen',
      '--add',
      '-p',
      'bob',
      '--types',
      'invoice.pushed',
      '-n',
      '1',
    ]);
    await listening.says(/knows now/);

    const sent = await json(['send', 'bob', 'invoice.pushed', '{"amount":12}', '-p', 'alice']);

    const listened = await listening.finish();
    const endpoints = await json(['endpoint', 'list', '-p', 'bob']);
    const status = await run(['status', String(sent['id']), '-p', 'alice']);
    const receipts = await run(['receipts', String(sent['id']), '--jwt', '-p', 'bob']);
    const all = [made, registered, waiting, approved, granted, listened, status, receipts];
    expect(all.map((one) => one.exit)).toEqual(all.map(() => 0));
    expect(made.stdout).toContain('Ed25519');
    expect(registered.stdout).toContain('pending');
    expect(waiting.stdout).toContain('ops@alice.example');
    expect(approved.stdout).toContain('active');
    expect(granted.stdout).toMatch(/alice +may send +invoice\.\*/);
    expect(listened.stdout).toMatch(/✓ .*alice → bob +invoice\.pushed.*\n +\{"amount":12\}/);
    expect(endpoints['items']).toEqual([]);
    expect(status.stdout).toMatch(/webhook, attempt 1 +delivered, 202/);
    const [accepted = '', delivered = ''] = receipts.stdout.trim().split('\n');
    const envelope = fileOf('e.jwt', sent['envelope']);
    expect(
      await json(['verify', '-', '-p', 'bob', '--envelope', envelope], accepted),
    ).toMatchObject({
      verified: true,
      kind: 'receipt',
      claims: { iss: ISSUER, state: 'accepted', recipient: 'bob' },
    });
    const jwks = fileOf(
      'jwks.json',
      await (await fetch(`${world.url}/.well-known/jwks.json`)).text(),
    );
    const offline = [
      'verify',
      '-',
      '--jwks',
      jwks,
      '--issuer',
      ISSUER,
      '--url',
      'http://localhost:1',
    ];
    expect(await json(offline, delivered)).toMatchObject({
      verified: true,
      claims: { state: 'delivered', aud: 'alice' },
    });
    expect(await json(['verify', envelope, '-p', 'bob'])).toMatchObject({
      kind: 'envelope',
      claims: { iss: 'alice', data: { amount: 12 } },
    });
  });

  it('keeps private keys to their owner: mode 0600, never printed, never written over', async () => {
    const made = await run(['keygen', 'keys', '--enc', 'ECDH-ES', '--crv', 'X25519']);
    const again = await run(['keygen', 'keys']);
    const folder = join(cwd, '.sealpost');
    const mine = readdirSync(folder).filter((file) => file.startsWith('keys.'));

    expect(mine.toSorted()).toEqual(['keys.enc.jwk', 'keys.json', 'keys.sig.jwk']);
    for (const file of mine) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    for (const use of ['sig', 'enc']) {
      const text = readFileSync(join(folder, `keys.${use}.jwk`), 'utf8');
      const { d } = JSON.parse(text) as { d: string };
      expect(made.stdout + made.stderr + again.stderr).not.toContain(d);
    }
    expect(again).toMatchObject({ exit: 2, stdout: '' });
    expect(again.stderr).toContain('There is a key already');
  });

  it('sends many in batches, polls them verified and acknowledged, and reads from stdin', async () => {
    await partner('sender');
    await partner('taker');
    await json(['grant', 'sender', 'load.*', '-p', 'taker']);
    const words = ['send', 'taker', 'load.made', '-p', 'sender'];

    const counted = await lines([...words, '{"n":0}', '--count', '120']);
    const fromStdin = await lines([...words, '--ndjson'], '{"n":1}\n\n{"n":2}\n');
    const one = await json([...words, '-'], '{"n":3}');
    const looked = await lines(['poll', '-p', 'taker', '--count', '5']);
    const polled = await lines(['poll', '-p', 'taker', '--once', '--max', '50']);

    expect(counted).toHaveLength(120);
    expect(new Set([...counted, ...fromStdin].map((result) => result['status']))).toEqual(
      new Set([202]),
    );
    expect(one).toMatchObject({ state: 'accepted', iss: 'sender' });
    expect(looked).toHaveLength(5);
    expect(polled.length + looked.length).toBe(123);
    expect(await lines(['poll', '-p', 'taker', '--once'])).toEqual([]);
  });

  it('seals, and opens what was sealed to it: polled, kept in a file, pushed', async () => {
    await partner('closed', '--alg', 'ES256');
    await partner('reader', '--enc', 'ECDH-ES+A256KW', '--crv', 'X25519');
    await partner('blind');
    for (const to of ['reader', 'blind']) await json(['grant', 'closed', '*', '-p', to]);
    const words = ['send', 'reader', 'salary.paid', '{"amount":12}', '-p', 'closed', '--sealed'];

    const sent = await json(words);
    const polled = await json(['poll', '-p', 'reader', '--once']);
    const file = fileOf('sealed.jwt', sent['envelope']);
    const opened = await run(['open', file, '-p', 'reader']);
    const evidence = await run(
      ['open', '-', '--message', '-p', 'reader'],
      String(sent['envelope']),
    );
    const listener = start(['listen', '-p', 'reader', '--add', '--count', '1']);
    await listener.says(/knows now/);
    await json([...words, '--jti', 'pushed']);
    const pushed = await listener.finish();

    expect(claimsOf(String(sent['envelope']))).toMatchObject({ sealed: expect.any(String) });
    expect(polled).toMatchObject({ claims: { iss: 'closed' }, opened: { data: { amount: 12 } } });
    expect(opened.stdout).toMatch(/closed .*sealed for you, opened[^]*\{"amount":12\}/);
    expect(claimsOf(evidence.stdout)).toMatchObject({ iss: 'closed', data: { amount: 12 } });
    expect(pushed.stdout).toMatch(/\{"amount":12\} .*\(sealed\)/);
    for (const { exit } of [opened, evidence, pushed]) expect(exit).toBe(0);
  });

  it('seals to nobody who states no key, and opens for nobody else', async () => {
    const words = ['send', 'blind', 'salary.paid', '{}', '-p', 'closed', '--sealed'];

    const refused = await run([...words, '--json']);
    const sent = await json(['send', 'reader', 'a.b', '1', '-p', 'closed', '--sealed']);
    const other = await run(['open', '-', '-p', 'blind', '--json'], String(sent['envelope']));

    expect(refused).toMatchObject({ exit: 1, stderr: expect.stringContaining('peer_unknown') });
    expect(other).toMatchObject({ exit: 1, stdout: '' });
  });

  it('knows whose keys it has seen, and does not believe others', async () => {
    const known = join(cwd, '.sealpost', 'closed.known.json');
    const seen = JSON.parse(readFileSync(known, 'utf8')) as Record<string, string[]>;
    expect(seen).toEqual({ reader: [expect.any(String)], blind: [expect.any(String)] });
    writeFileSync(known, JSON.stringify({ ...seen, reader: ['another'] }));

    const refused = await run(['send', 'reader', 'a.b', '1', '-p', 'closed', '--sealed', '--json']);

    expect(refused).toMatchObject({ exit: 1, stderr: expect.stringContaining('peer_unknown') });
  });

  it('sends the same bytes again without delivering twice', async () => {
    await partner('careful');
    await partner('calm');
    await json(['grant', 'careful', '*', '-p', 'calm']);
    const kept = join(cwd, 'kept.jwt');

    const first = await json(['send', 'calm', 'a.b', '1', '-p', 'careful', '--save', kept]);
    const second = await json(['send', '--signed', kept, '-p', 'careful']);

    expect(second).toEqual(first);
    expect(await lines(['poll', '-p', 'calm', '--once'])).toHaveLength(1);
  });

  it('takes an invite instead of an approval', async () => {
    const { invite } = await json(['invite', 'guest', '--expires', '10m']);
    await json(['keygen', 'guest']);

    const words = ['register', '-p', 'guest', '--contact', 'ops@guest.example'];
    const registered = await json([...words, '--invite', String(invite)]);

    expect(registered).toMatchObject({ id: 'guest', status: 'active' });
    expect(await json(['token', '-p', 'guest'])).toMatchObject({ token_type: 'Bearer' });
  });

  it('stops following and listening on Ctrl-C, takes its endpoint away, and ends with 0', async () => {
    await partner('idle');
    const polling = start(['poll', '-p', 'idle']);
    const listening = start(['listen', '--add', '-p', 'idle']);
    await polling.says(/Waiting for envelopes/);
    await listening.says(/knows now/);

    polling.interrupt();
    listening.interrupt();

    expect(await polling.finish()).toMatchObject({ exit: 0 });
    expect(await listening.finish()).toMatchObject({ exit: 0 });
    expect(await json(['endpoint', 'list', '-p', 'idle'])).toEqual({ items: [] });
  });

  it('turns away what does not verify, and says by which check', async () => {
    await partner('wary');
    await partner('known');
    await json(['grant', 'known', '*', '-p', 'wary']);
    const listening = start(['listen', '-p', 'wary']);
    await listening.says(/Listening at/);
    const [url = ''] = /http:\S+\/in/.exec(listening.stderr) ?? [];
    const forger = await world.stranger('known');
    const forged = await forger.sign({ to: 'wary', type: 'a.b', data: 1 });

    const headers = { 'content-type': 'application/jwt', 'webhook-id': 'd-1' };
    const pushed = await fetch(url, { method: 'POST', headers, body: forged });
    const verified = await run(['verify', '-', '-p', 'wary'], forged);
    listening.interrupt();
    const { exit, stdout, stderr } = await listening.finish();

    expect(pushed.status).toBe(400);
    expect(await pushed.json()).toMatchObject({ err: 'invalid_key' });
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: '' });
    expect(stderr).toContain('✗ d-1 key_unknown');
    expect(verified).toMatchObject({ exit: 1, stdout: '' });
    expect(verified.stderr).toMatch(/^key_unknown .*\n.*\/errors#key_unknown\n$/);
  });

  it('ends with 1, code and link, when the exchange refuses', async () => {
    await partner('loud');
    const words = ['send', 'nobody', 'a.b', '1', '-p', 'loud'];

    const forPeople = await run(words);
    const forPrograms = await run([...words, '--json']);

    expect(forPeople).toMatchObject({ exit: 1, stdout: '' });
    expect(forPeople.stderr).toBe(
      'not_granted  The recipient has not granted this sender this type\n' +
        `${ISSUER}/errors#not_granted\n`,
    );
    expect(forPrograms).toMatchObject({ exit: 1, stdout: '' });
    expect(JSON.parse(forPrograms.stderr)).toMatchObject({
      error: { code: 'not_granted', status: 403 },
    });
  });

  it('ends with 3 when no exchange answers', async () => {
    await json(['keygen', 'alone']);
    const url = `http://127.0.0.1:${await freePort()}`;

    const { exit, stderr } = await run(['token', '-p', 'alone', '--url', url]);

    expect(exit).toBe(3);
    expect(stderr).toContain(`No exchange answers at ${url}`);
  });

  it.each([
    { why: 'no command', words: [] },
    { why: 'an unknown command', words: ['fly'] },
    { why: 'an unknown option', words: ['token', '--fly'] },
    { why: 'a missing word', words: ['send', 'bob', '-p', 'bob'] },
    { why: 'a word too many', words: ['token', 'please'] },
    { why: 'content that is not JSON', words: ['send', 'bob', 'a.b', '{', '-p', 'bob'] },
    { why: 'an unknown profile', words: ['token', '-p', 'who'] },
    { why: 'an id that cannot be', words: ['keygen', 'Not_An_Id'] },
    { why: 'an algorithm that there is not', words: ['keygen', 'algo', '--alg', 'HS256'] },
    { why: 'a file that is not there', words: ['verify', 'not-there.jwt'] },
  ])('ends with 2 for $why', async ({ words }) => {
    const { exit, stdout, stderr } = await run(words);

    expect(exit).toBe(2);
    expect(stdout + stderr).not.toMatch(/^\s+at .*\.js/m);
    expect(stdout + stderr).not.toBe('');
  });

  it('teaches every command with examples', async () => {
    const { stdout } = await run(['--help']);
    const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}[A-Z]/gm)].map(([, name]) => name ?? '');

    expect(names).toHaveLength(14);
    for (const help of await Promise.all(names.map((name) => run([name, '--help'])))) {
      expect(help).toMatchObject({ exit: 0, stderr: '' });
      expect(help.stdout).toMatch(/\nExamples\n {2}# .+\n {2}.*sealpost /);
    }
  });

  it('is found by npx in a clone', () => {
    const npx = execFileSync('npx', ['--offline', '--no-install', 'sealpost', '--help'], {
      cwd: REPO,
      env: { ...process.env, NO_COLOR: '1', npm_config_cache: join(cwd, 'npm') },
      encoding: 'utf8',
    });

    expect(npx).toContain('sealpost <command> [options]');
  });
});
