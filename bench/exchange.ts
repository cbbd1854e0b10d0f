import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Exchange, Identity, Session } from '../dist/client/index.js';

export type EngineName = 'postgres' | 'redis';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** One sender at full speed is what is measured: budgets are counted, and hold nobody back. */
const UNBOUNDED = {
  RATE_ADDRESS_PER_SECOND: '1000000',
  RATE_PARTNER_PER_SECOND: '1000000',
  PAIR_WAITING_COUNT: '10000000',
  PAIR_WAITING_BYTES: '1000000000000',
};

/** A running exchange in a process of its own, on the embedded PostgreSQL and the engine asked for. */
export class RunningExchange {
  private constructor(
    readonly url: string,
    readonly engine: EngineName,
    private readonly dir: string,
    private readonly service: ChildProcess,
    private readonly redis: ChildProcess | undefined,
  ) {}

  static async start(engine: EngineName): Promise<RunningExchange> {
    const dir = await mkdtemp(join(tmpdir(), 'sealpost-bench-'));
    const redisPort = engine === 'redis' ? await freePort() : undefined;
    const redis = redisPort === undefined ? undefined : await startRedis(redisPort, dir);
    const port = await freePort();
    const service = spawn(process.execPath, [MAIN], {
      env: {
        ...process.env,
        PORT: String(port),
        DATA_DIR: dir,
        LOG_LEVEL: 'warn',
        ...UNBOUNDED,
        ...(redisPort === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${redisPort}` }),
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://localhost:${port}`;
    const running = new RunningExchange(url, engine, dir, service, redis);
    await running.#untilReady();
    return running;
  }

  /** A partner that is registered and approved. */
  async partner(id: string): Promise<Session> {
    const exchange = new Exchange(this.url);
    const key = await Identity.generateKey('sig', 'Ed25519');
    const partner = new Session(await Identity.of(id, [key.privateJwk]), exchange);
    await partner.register({ name: id, contact: `ops@${id}.example` });
    const jwk = JSON.parse(await readFile(join(this.dir, 'operator.jwk'), 'utf8')) as object;
    const operator = new Session(await Identity.of('operator', [{ ...jwk }]), exchange);
    await operator.call('POST', `/v1/partners/${id}/approve`);
    return partner;
  }

  /** CPU that the service has used, ms, and its resident memory, MB (from its own metrics). */
  async usage(): Promise<{ cpuMs: number; rssMb: number; delayP99Ms: number }> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const read = (name: string): number =>
      Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN);
    return {
      cpuMs: read('process_cpu_seconds_total') * 1000,
      rssMb: read('process_resident_memory_bytes') / 1_048_576,
      delayP99Ms: read('nodejs_eventloop_lag_p99_seconds') * 1000,
    };
  }

  async stop(): Promise<void> {
    await end(this.service, 'SIGINT');
    if (this.redis !== undefined) await end(this.redis, 'SIGTERM');
    await rm(this.dir, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (performance.now() < deadline) {
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.service.exitCode !== null) throw new Error('the exchange did not start');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('the exchange is not ready after 60 s');
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Append-only file every second, nothing evicted: as docker-compose.yml runs it. */
export async function startRedis(port: number, dir: string): Promise<ChildProcess> {
  const redis = spawn(
    'redis-server',
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      dir,
      '--save',
      '',
      '--appendonly',
      'yes',
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise<void>((resolve, reject) => {
    redis.stdout.on('data', (text: Buffer) => {
      if (text.includes('eady to accept connections')) resolve();
    });
    redis.once('exit', () => reject(new Error('redis-server did not start')));
  });
  return redis;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
