import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

// What it measures is nobody's business here: that it ends well means that nothing was lost, altered or twice.
it('the benchmark runs, and finds every envelope once and unaltered', async () => {
  const { stdout } = await run(
    process.execPath,
    [
      '--experimental-transform-types',
      '--disable-warning=ExperimentalWarning',
      resolve('bench/run.ts'),
      '--smoke',
      '--engine',
      'postgres',
    ],
    { timeout: 110_000 },
  );

  expect(stdout).toContain('smoke: every envelope arrived once and unaltered');
}, 120_000);
