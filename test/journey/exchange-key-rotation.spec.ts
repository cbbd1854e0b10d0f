import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { verifyReceipt } from '../../src/client/index.js';
import { runMakeKeys } from '../../src/run-make-keys.js';
import type { Partner } from '../support/partner.js';
import { request } from '../support/wire.js';
import { ISSUER, World } from '../support/world.js';

/** The exchange's own keys change under running processes, one after the other. */
describe("the exchange's own keys", () => {
  let dir: string;
  let world: World;
  let alice: Partner;
  let bob: Partner;

  const file = (): string => join(dir, 'exchange.jwks.json');
  const makeKeys = async (...args: string[]): Promise<number> => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const complain = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const code = await runMakeKeys([...args, '--dir', dir]);
    write.mockRestore();
    complain.mockRestore();
    return code;
  };
  const inFile = async (): Promise<{ kid: string; alg: string }[]> =>
    (JSON.parse(await readFile(file(), 'utf8')) as { keys: { kid: string; alg: string }[] }).keys;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-rotation-'));
    await makeKeys();
    world = await World.make({ settings: { EXCHANGE_JWKS: file() } });
    [alice, bob] = [await world.partner('alice'), await world.partner('bob')];
    await bob.allow(alice);
  });
  afterEach(() => vi.restoreAllMocks());
  afterAll(async () => {
    await world.stop();
    await rm(dir, { recursive: true });
  });

  const published = async (
    url: string,
  ): Promise<
    { [member: string]: unknown; kid: string; nbf: number; sealpost_last_used: number }[]
  > => {
    const { body } = await request(url, 'GET', '/.well-known/jwks.json');
    return body['keys'] as Awaited<ReturnType<typeof published>>;
  };
  const kidOf = (token: unknown): unknown =>
    (
      JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()) as {
        kid: unknown;
      }
    ).kid;
  const works = async (url: string, token: string): Promise<number> =>
    (await request(url, 'GET', '/v1/keys', { token })).status;

  it('are rotated by command with overlap: tokens and receipts of old and new hold in every process', async () => {
    const before = await inFile();
    const oldToken = await alice.token();
    const oldEnvelope = await alice.sign({ to: 'bob', type: 'a.b', data: 1 });
    const oldReceipt = (await alice.deliver(oldEnvelope)).receipt;

    expect(await makeKeys('--rotate')).toBe(0);
    const second = await world.start();

    const after = await inFile();
    expect(after).toHaveLength(4);
    expect(after.slice(2)).toEqual(before);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const atSecond = await alice.at(second);
    const newToken = await atSecond.token();
    const newEnvelope = await alice.sign({ to: 'bob', type: 'a.b', data: 2 });
    const newReceipt = (await atSecond.deliver(newEnvelope)).receipt;
    expect([kidOf(oldToken), kidOf(oldReceipt)]).toEqual([before[0]?.kid, before[0]?.kid]);
    expect([kidOf(newToken), kidOf(newReceipt)]).toEqual([after[0]?.kid, after[0]?.kid]);
    // Each at each: the first process has never seen the new key's file.
    for (const url of [world.url, second])
      for (const token of [oldToken, newToken]) expect(await works(url, token)).toBe(200);

    expect(await makeKeys('--drop-old')).toBe(0);
    const third = await world.start();
    expect(await inFile()).toEqual(after.slice(0, 2));
    for (const token of [oldToken, newToken]) expect(await works(third, token)).toBe(200);
    const keys = await published(third);
    expect(keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(after.map(({ kid }) => kid)));
    for (const [receipt, envelope] of [
      [oldReceipt, oldEnvelope],
      [newReceipt, newEnvelope],
    ] as const)
      await verifyReceipt(receipt, { keys }, { issuer: ISSUER, envelope });
  });

  it('stay published with the time from which and up to which they were used', async () => {
    const now = Math.floor(Date.now() / 1000);

    for (const key of await published(world.url)) {
      expect(key.nbf).toBeLessThanOrEqual(now);
      expect(key.sealpost_last_used).toBeGreaterThan(key.nbf);
      expect(Object.keys(key)).not.toContain('d');
    }
  });

  it('that are out of service make no tokens any more, however good their signature', async () => {
    const [first] = await world.rows<{ kid: string }>(
      'select kid from exchange_key order by first_used_at limit 1',
    );
    const token = await alice.token();
    // As it is when the last process that had it stopped a quarter of an hour ago.
    await world.rows(
      `update exchange_key set last_used_at = now() - interval '16 minutes'
      where kid = $1`,
      [kidOf(token)],
    );

    const alone = await world.start(['api', 'worker']);

    expect(first).toBeDefined();
    expect(await works(alone, token)).toBe(401);
  });

  it.each([
    ['is not there', async () => rm(file())],
    ['is no JSON', async () => writeFile(file(), '{"keys":[')],
    ['has no private key', async () => writeFile(file(), '{"keys":[{"kty":"OKP"}]}')],
  ])('are not rotated when the file %s, and it stays as it is', async (_what, spoil) => {
    const good = await readFile(file(), 'utf8');
    await spoil();
    const spoiled = await readFile(file(), 'utf8').catch(() => undefined);

    expect(await makeKeys('--rotate')).toBe(1);

    expect(await readFile(file(), 'utf8').catch(() => undefined)).toBe(spoiled);
    await writeFile(file(), good);
  });

  it('are at most sixteen', async () => {
    while ((await inFile()).length < 16) await makeKeys('--rotate');

    expect(await makeKeys('--rotate')).toBe(1);
    expect(await inFile()).toHaveLength(16);
    expect(await makeKeys('--drop-old')).toBe(0);
    expect(await inFile()).toHaveLength(2);
  });

  it('that cannot be used make the process not ready, and it says which part', async () => {
    expect((await request(world.url, 'GET', '/health/ready')).status).toBe(200);
    vi.spyOn(crypto.subtle, 'sign').mockRejectedValue(new Error('the key store is gone'));

    const { status, body } = await request(world.url, 'GET', '/health/ready');

    expect(status).toBe(503);
    expect(body).toMatchObject({ parts: { keys: 'unusable', ledger: 'ok' } });
    expect(JSON.stringify(body)).not.toContain('key store');
  });
});
