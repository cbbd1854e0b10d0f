import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { claimsOf } from '../support/receiver.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

let world: World;
let keys: string;
let running: Program[] = [];

beforeAll(async () => {
  world = await World.make();
});
afterEach(async () => {
  await Promise.all(running.map((program) => program.end()));
  running = [];
  await rm(keys, { recursive: true, force: true });
});
afterAll(() => world.stop());

/** An example as its reader starts it. */
class Program {
  output = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;

  constructor(name: string, env: Record<string, string>) {
    this.#child = spawn(process.execPath, [`examples/${name}.mjs`], {
      env: { PATH: process.env['PATH'], EXCHANGE_URL: world.url, KEYS_DIR: keys, ...env },
    });
    this.#child.stdout.on('data', (text: Buffer) => (this.output += text.toString()));
    this.#child.stderr.on('data', (text: Buffer) => (this.output += text.toString()));
    this.#ended = new Promise((resolve) => this.#child.once('exit', resolve));
    running.push(this);
  }

  write(...lines: object[]): void {
    for (const line of lines) this.#child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  says(text: string): Promise<boolean> {
    return until(`it says "${text}"`, () => {
      if (this.output.includes(text)) return true;
      if (this.#child.exitCode !== null) throw new Error(this.output);
      return false;
    });
  }

  end(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#ended;
  }
}

async function invite(id: string): Promise<string> {
  const operator = await world.operator();
  const answer = await operator.call<{ invite: string }>('POST', '/v1/invites', { json: { id } });
  return answer.invite;
}

it('a billing service and a warehouse do business, sealed, and over a restart', async () => {
  expect(existsSync('dist/client/index.js'), 'run "npm run build" first').toBe(true);
  keys = await mkdtemp(join(tmpdir(), 'sealpost-examples-'));
  const warehouse = new Program('warehouse', { INVITE: await invite('warehouse'), PORT: '0' });
  await warehouse.says('listening');
  const billing = new Program('billing', { INVITE: await invite('billing') });

  billing.write({ id: 'o-1', pieces: 3 }, { id: 'o-2', pieces: 0 });

  await billing.says('ordered o-2');
  await warehouse.says('sent 3 pieces for order o-1');
  await billing.says('shipment S-o-1 for order o-1');
  expect(await billing.end()).toBe(0);
  expect(await warehouse.end()).toBe(0);
  expect(billing.output + warehouse.output).not.toContain('refused');

  const again = new Program('warehouse', { PORT: '0' });
  await again.says('listening');
  const billingAgain = new Program('billing', {});
  billingAgain.write({ id: 'o-3', pieces: 1 });
  await billingAgain.says('shipment S-o-3 for order o-3');
  // Nobody on the way could have read a word of it.
  const stored = await world.rows<{ body: string }>('select body from envelope');
  expect(stored).toHaveLength(5);
  for (const { body } of stored) expect(claimsOf(body)).not.toHaveProperty('data');
});

describe.each(['billing', 'warehouse', 'partner'])('examples/%s.mjs', (name) => {
  it('is about forty lines', () => {
    expect(readFileSync(`examples/${name}.mjs`, 'utf8').split('\n').length).toBeLessThan(50);
  });
});
