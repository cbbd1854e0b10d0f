import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Broken } from '../../src/envelope/index.js';
import { embeddedBinaries } from '../../src/platform/database/embedded-binaries.js';
import { startEmbeddedPostgres } from '../../src/platform/database/embedded-postgres.js';
import {
  embeddedWorld,
  isAlive,
  processesBelow,
  query,
  until,
} from '../support/fixtures/embedded-app.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const { makeDirectory, start, other } = embeddedWorld();

describe('the embedded PostgreSQL', () => {
  it('is made at first use, and lets in only who knows the password', async () => {
    const dataDir = join(makeDirectory(), 'not/there/yet');

    const { url, pid } = await start(dataDir);

    expect(url).toMatch(/^postgres:\/\/sealpost:[\w-]{43}@127\.0\.0\.1:\d+\/sealpost$/);
    expect(isAlive(pid)).toBe(true);
    const settings = ['fsync', 'synchronous_commit', 'max_connections', 'password_encryption'];
    const shown = await Promise.all(settings.map((name) => query(url, `show ${name}`)));
    expect(shown.flat()).toEqual(['on', 'on', '200', 'scram-sha-256']);
    expect(await query(url, 'show unix_socket_directories')).toEqual(['']);
    expect(await query(url, 'show server_encoding')).toEqual(['UTF8']);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    const password = join(dataDir, 'postgres/password');
    expect(statSync(password).mode & 0o777).toBe(0o600);
  });

  it('takes settings, tells its log, and keeps contents out of its own', async () => {
    const lines: string[] = [];
    const dataDir = makeDirectory();
    const postgres = await start(dataDir, {
      settings: { max_connections: '20' },
      log: (line) => lines.push(line),
    });

    expect(await query(postgres.url, 'show max_connections')).toEqual(['20']);
    await expect(query(postgres.url, `select 'contents'::int`)).rejects.toThrow('contents');
    await postgres.stop();

    expect(lines.map((line) => line.replace(/.*\) (is|has) (\w+).*/, '$2'))).toEqual([
      'ready',
      'stopped',
    ]);
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).not.toContain('contents');
  });

  it('keeps its data, and one old log, over stops and starts', async () => {
    const dataDir = makeDirectory();
    const first = await start(dataDir);
    await query(first.url, 'create table kept as select 42 as n');

    await Promise.all([first.stop(), first.stop()]);
    const goneWhenStopped = !isAlive(first.pid);
    const second = await start(dataDir);
    await second.stop();
    const third = await start(dataDir);

    expect(goneWhenStopped).toBe(true);
    expect(await query(third.url, 'select n from kept')).toEqual([42]);
    const logs = readdirSync(dataDir).filter((name) => name.startsWith('postgres.log'));
    expect(logs.toSorted()).toEqual(['postgres.log', 'postgres.log.old']);
  });

  it('names the missing package on a machine for which there is none', async () => {
    const found = embeddedBinaries('sunos', 'mips');

    await expect(found).rejects.toBeInstanceOf(Broken);
    await expect(found).rejects.toThrow('@embedded-postgres/sunos-mips is not installed');
  });

  it('says why it did not start, and can be started after', async () => {
    const dataDir = makeDirectory();

    const bad = startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'much' } });

    await expect(bad).rejects.toThrow(/did not start:\n.*invalid value.*"shared_buffers"/);
    expect(await query((await start(dataDir)).url, 'select 1')).toEqual([1]);
  });

  it('says that the data directory cannot be written', async () => {
    const file = join(makeDirectory(), 'file');
    writeFileSync(file, '');

    await expect(startEmbeddedPostgres({ dataDir: file })).rejects.toThrow(
      `${file} cannot be used for data`,
    );
  });
});

describe('two on the same data', () => {
  it('refuses the second and leaves the first unharmed', async () => {
    const dataDir = makeDirectory();
    const first = other(dataDir);
    const { url } = await first.says();

    const second = other(dataDir);
    const [here, there] = await Promise.allSettled([
      startEmbeddedPostgres({ dataDir }),
      second.says(),
    ]);

    const sentence = `${dataDir} is in use by another Sealpost (pid ${first.process.pid})`;
    expect(here).toMatchObject({ status: 'rejected', reason: new Broken(sentence) });
    expect(there).toMatchObject({ value: { name: 'Broken', error: sentence } });
    expect(await query(url, 'select 1')).toEqual([1]);
  });

  it('lets many first starts have the data one after the other', async () => {
    const dataDir = makeDirectory();

    await Promise.all(
      [1, 2, 3].map(async () => {
        const one = other(dataDir);
        const { url } = await one.says();
        await query(url, 'create table if not exists turns ()');
        await query(url, 'insert into turns default values');
        await one.kill('SIGKILL');
      }),
    );

    const { url } = await start(dataDir);
    expect(await query(url, 'select count(*)::int from turns')).toEqual([3]);
  });
});

describe('a Sealpost that is killed', () => {
  it('takes its PostgreSQL with it, and finds its data again', async () => {
    const dataDir = makeDirectory();
    const killed = other(dataDir);
    const { url, pid } = await killed.says();
    await query(url, 'create table kept as select 42 as n');

    await killed.kill('SIGKILL');

    expect(await until(() => !isAlive(pid))).toBeLessThan(2_000);
    expect(await query((await start(dataDir)).url, 'select n from kept')).toEqual([42]);
  });

  it('can be started at once, while its PostgreSQL is just going', async () => {
    const dataDir = makeDirectory();
    const killed = other(dataDir);
    await query((await killed.says()).url, 'create table kept as select 42 as n');

    await killed.kill('SIGKILL');

    expect(await query((await start(dataDir)).url, 'select n from kept')).toEqual([42]);
  });

  it('starts again when PostgreSQL and its supervisor were killed as well', async () => {
    const dataDir = makeDirectory();
    const killed = other(dataDir);
    await query((await killed.says()).url, 'create table kept as select 42 as n');

    const all = processesBelow(dataDir).filter((pid) => pid !== killed.process.pid);
    for (const pid of all) process.kill(pid, 'SIGKILL');
    await killed.kill('SIGKILL');

    expect(all.length).toBeGreaterThan(2);
    expect(existsSync(join(dataDir, 'postgres/cluster/postmaster.pid'))).toBe(true);
    expect(await query((await start(dataDir)).url, 'select n from kept')).toEqual([42]);
  });

  it('starts again when the number of its dead PostgreSQL went to another process', async () => {
    const dataDir = makeDirectory();
    const before = await start(dataDir);
    const pidFile = join(dataDir, 'postgres/cluster/postmaster.pid');
    const text = readFileSync(pidFile, 'utf8');
    await before.stop();

    const bystander = await start(makeDirectory()); // of the same user, else PostgreSQL would not care
    writeFileSync(pidFile, text.replace(/^\d+/, String(bystander.pid)));

    expect(await query((await start(dataDir)).url, 'select 1')).toEqual([1]);
    expect(await query(bystander.url, 'select 2')).toEqual([2]);
  });

  it('starts again when it was killed in the middle of making its data', async () => {
    const dataDir = makeDirectory();
    const killed = other(dataDir);
    const halfMade = (): string[] =>
      readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'));
    await until(() => halfMade().some((name) => existsSync(join(dataDir, name, 'cluster/base'))));

    await killed.kill('SIGKILL');

    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    expect(await query((await start(dataDir)).url, 'select 1')).toEqual([1]);
    expect(halfMade()).toEqual([]);
  });
});

describe('a Sealpost that is asked to end', () => {
  it('still has its PostgreSQL after Ctrl-C, until it stops it', async () => {
    const asked = other(makeDirectory());
    const { pid } = await asked.says();

    process.kill(-Number(asked.process.pid), 'SIGINT');
    const afterInterrupt = await asked.says();
    process.kill(-Number(asked.process.pid), 'SIGTERM');
    const afterTerm = await asked.says();

    expect([afterInterrupt, afterTerm]).toEqual([{ afterInterrupt: 1 }, { stopped: true }]);
    expect(isAlive(pid)).toBe(false);
  });
});
