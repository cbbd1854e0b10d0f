import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type EngineName, RunningExchange } from './exchange.ts';
import { type CryptoFloor, cryptoFloor, httpFloor, queueFloor, sealingFloor } from './floors.ts';
import { type EngineResult, report } from './report.ts';
import { Bench, type Measured } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    envelopes: { type: 'string', default: '3000' },
    bytes: { type: 'string', default: '600' },
    engine: { type: 'string', multiple: true },
    smoke: { type: 'boolean', default: false },
  },
});

const count = values.smoke ? 200 : Number(values.envelopes);
const bytes = Number(values.bytes);
const installed = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const engines = (values.engine ??
  (installed('redis-server') ? ['postgres', 'redis'] : ['postgres'])) as EngineName[];

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const crypto: CryptoFloor[] = [];
for (const alg of ['Ed25519', 'ES256', 'PS256', 'ML-DSA-65'] as const)
  crypto.push(await cryptoFloor(alg));

const sealing = [
  await sealingFloor('ECDH-ES+A256KW', 'X25519'),
  await sealingFloor('ECDH-ES+A256KW', 'P-256'),
  await sealingFloor('ECDH-ES', 'P-256'),
  await sealingFloor('RSA-OAEP-256'),
];

const results: EngineResult[] = [];
for (const engine of engines) {
  say(`${engine}: floors`);
  const queuePerSecond = await queueFloor(engine, count);
  const exchange = await RunningExchange.start(engine);
  const measured: Measured[] = [];
  let httpPerSecond: number;
  try {
    const bench = await Bench.on(exchange);
    try {
      const warm = await bench.sign(Math.min(count, 300), 'push', bytes);
      await bench.push(warm, { name: 'warm-up', concurrency: 16 });
      httpPerSecond = await httpFloor(await bench.sign(count, 'push', bytes), 32);
      const paces = [
        { name: 'webhook, 32 at once', concurrency: 32 },
        { name: 'webhook, 100 a second', concurrency: 32, perSecond: 100 },
      ];
      for (const pace of paces) {
        const envelopes = await bench.sign(
          pace.perSecond ? Math.min(count, 500) : count,
          'push',
          bytes,
        );
        measured.push(await bench.push(envelopes, pace));
        say(`${engine}: ${JSON.stringify(measured.at(-1))}`);
      }
      measured.push(await bench.batch(await bench.sign(count, 'poll', bytes)));
      say(`${engine}: ${JSON.stringify(measured.at(-1))}`);
    } finally {
      await bench.end();
    }
  } finally {
    await exchange.stop();
  }
  results.push({ engine, queuePerSecond, httpPerSecond, measured });
}

const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).stdout.trim();
const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
const text = report({
  crypto,
  sealing,
  results,
  machine,
  commit: git,
  node: process.version,
  count,
  bytes,
});
if (values.smoke) say('smoke: every envelope arrived once and unaltered');
else await writeFile(new URL('RESULTS.md', import.meta.url), text);
