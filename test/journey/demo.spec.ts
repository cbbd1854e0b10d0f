import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program } from '../support/command.js';
import { until } from '../support/until.js';

/** Much more than it takes: machines that run tests are busy. */
const WITHIN_MS = 120_000;

describe('npm run demo', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealpost-demo-spec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function start(env: Record<string, string> = {}): Program {
    return Program.start('demo.js', [], { cwd: folder, env: { TMPDIR: folder, ...env } });
  }

  /** Neither files nor processes with this folder, nor an exchange at its URL. */
  async function leavesNothing(said: string): Promise<void> {
    expect(readdirSync(folder)).toEqual([]);
    await until('no process knows the folder', () => {
      const { stdout } = spawnSync('ps', ['-axo', 'args'], { encoding: 'utf8' });
      return !stdout.includes(folder);
    });
    const urls = [...said.matchAll(/http:\/\/localhost:\d+/g)].map(([url]) => url);
    const own = urls.filter((url) => !url.endsWith(':3000'));
    const answers = await Promise.allSettled(own.map((url) => fetch(url)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toEqual([]);
  }

  it('shows the main job and leaves nothing behind', { timeout: WITHIN_MS }, async () => {
    const { exit, stdout, stderr } = await start({ DATABASE_URL: 'postgres://not/used' }).finish(
      WITHIN_MS,
    );

    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
    for (const said of [
      /acme +pending → ✓ active/,
      /globex +pending → ✓ active/,
      /globex got +✓ the same bytes/,
      /globex acked +✓ acknowledged/,
      /✓ refused +401 signature_invalid/,
      /✓ refused +409 replayed/,
      /✓ refused +403 not_granted/,
      /✓ refused +401 key_unknown/,
      /invoice\.created +✓ delivered +by push/,
      /invoice\.reminder +✓ delivered +by poll/,
      /npx sealpost --help/,
    ])
      expect(stdout).toMatch(said);
    await leavesNothing(stdout);
  });

  it('stops its exchange on Ctrl-C', { timeout: WITHIN_MS }, async () => {
    const demo = start();
    await demo.says(/ready/, WITHIN_MS);

    demo.interrupt();

    const { exit, stdout } = await demo.finish(WITHIN_MS);
    expect(exit).toBe(130);
    await leavesNothing(stdout);
  });

  it('says which step failed', { timeout: WITHIN_MS }, async () => {
    const { exit, stderr } = await start({ TMPDIR: join(folder, 'not-there') }).finish(WITHIN_MS);

    expect(exit).toBe(1);
    expect(stderr).toMatch(/The demo failed in step 1 {2}An exchange starts/);
    await leavesNothing('');
  });
});
