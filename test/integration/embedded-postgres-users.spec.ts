import { chmodSync, chownSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  embeddedWorld,
  isAlive,
  query,
  succeeds,
  until,
} from '../support/fixtures/embedded-app.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const { makeDirectory, start, other, copyAppInto } = embeddedWorld();

const NOBODY = { uid: 65534, gid: 65534 };
const NAMELESS = { uid: 54321, gid: 54321 };

const isRoot = process.getuid?.() === 0;
const othersRunNode = isRoot && succeeds(process.execPath, ['--version'], NOBODY);
const hasNamespaces = isRoot && succeeds('unshare', ['--user', '--map-user=65534', 'true'], NOBODY);

const uidOf = (pid = 0): number => statSync(`/proc/${pid}`).uid;

describe.runIf(isRoot)('run by root', () => {
  it('runs PostgreSQL as another user, to whom only its own directory is given', async () => {
    const dataDir = makeDirectory();
    const { pid } = await start(dataDir);

    expect(uidOf(pid)).not.toBe(0);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(uidOf(pid));
    expect([dataDir, join(dataDir, 'postgres.log')].map((path) => statSync(path).uid)).toEqual([
      0, 0,
    ]);
  });

  it('works below a directory that only root may enter, and when that changes', async () => {
    const closed = makeDirectory();
    copyAppInto(closed);
    chmodSync(closed, 0o700);
    const dataDir = join(closed, '.data');

    const first = other(dataDir, closed);
    const { url, pid } = await first.says();
    const uid = uidOf(pid);
    await query(url, 'create table kept as select 42 as n');
    await first.kill('SIGKILL');

    expect(uid).not.toBe(0);
    expect(await until(() => !isAlive(pid))).toBeLessThan(2_000);
    chmodSync(closed, 0o755);
    expect(await query((await start(dataDir)).url, 'select n from kept')).toEqual([42]);
  });

  it.runIf(hasNamespaces)('works there without the power to pass closed doors', async () => {
    const closed = makeDirectory();
    copyAppInto(closed);
    chmodSync(closed, 0o700);
    const dataDir = join(closed, '.data');

    const through = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];
    const first = other(dataDir, closed, { through });
    const { url, pid } = await first.says();
    const owner = statSync(join(dataDir, 'postgres')).uid;
    await query(url, 'create table kept as select 42 as n');
    await first.kill('SIGKILL');

    expect(owner).toBe(0);
    expect(await until(() => !isAlive(pid))).toBeLessThan(2_000);
    chmodSync(closed, 0o755);
    const second = await start(dataDir);
    expect(await query(second.url, 'select n from kept')).toEqual([42]);
    expect(uidOf(second.pid)).not.toBe(0);
  });

  it.runIf(othersRunNode)('is not needed: a normal user can run it', async () => {
    const dataDir = makeDirectory();
    chownSync(dataDir, NOBODY.uid, NOBODY.gid);

    const { url, pid } = await other(dataDir, undefined, { as: NOBODY }).says();

    expect(await query(url, 'select 1')).toEqual([1]);
    expect(uidOf(pid)).toBe(NOBODY.uid);
  });

  it.runIf(othersRunNode && hasNamespaces)('nor is a name: a bare number can run it', async () => {
    const dataDir = makeDirectory();
    chownSync(dataDir, NAMELESS.uid, NAMELESS.gid);

    const { url, pid } = await other(dataDir, undefined, { as: NAMELESS }).says();

    expect(await query(url, 'select 1')).toEqual([1]);
    expect(uidOf(pid)).toBe(NAMELESS.uid);
  });

  it.runIf(othersRunNode)('tells a user what stands in the way', async () => {
    const dataDir = makeDirectory(); // root's

    const { name, error } = await other(dataDir, undefined, { as: NOBODY }).says();

    expect({ name, error }).toMatchObject({
      name: 'Broken',
      error: expect.stringContaining(dataDir),
    });
  });
});
