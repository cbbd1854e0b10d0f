import { createHash } from 'node:crypto';
import type { Session } from '../dist/client/index.js';
import { Child } from './child.ts';
import type { RunningExchange } from './exchange.ts';
import type { Load, Loaded } from './load.ts';
import type { Arrivals } from './receiver.ts';
import { type Spread, spreadOf } from './statistics.ts';

export interface Measured {
  readonly scenario: string;
  readonly envelopes: number;
  readonly acceptedPerSecond: number;
  /** From the first request to the last arrival. */
  readonly deliveredPerSecond?: number;
  readonly acceptMs: Spread;
  /** From the beginning of the request to the arrival at the other side, by envelope. */
  readonly endToEndMs?: Spread;
  /** CPU of the exchange's process; PostgreSQL and Redis are not in it. */
  readonly cpuUsPerEnvelope: number;
  readonly rssMb: number;
}

/** Two partners at a running exchange, with a load generator and a receiver of their own. */
export class Bench {
  readonly #load = new Child('./load.ts');
  readonly #receiver = new Child('./receiver.ts');

  private constructor(
    private readonly exchange: RunningExchange,
    private readonly sender: Session,
    private readonly recipient: Session,
  ) {}

  static async on(exchange: RunningExchange): Promise<Bench> {
    const sender = await exchange.partner('acme');
    const recipient = await exchange.partner('globex');
    await recipient.call('PUT', '/v1/grants/acme', { json: { types: ['*'] } });
    const bench = new Bench(exchange, sender, recipient);
    await bench.#listen();
    return bench;
  }

  async end(): Promise<void> {
    await this.#load.end();
    await this.#receiver.end();
  }

  /** Signed envelopes that go by webhook or by poll, depending on their type. */
  sign(count: number, type: 'push' | 'poll', dataBytes: number): Promise<string[]> {
    const data = 'x'.repeat(dataBytes);
    return Promise.all(
      Array.from({ length: count }, () =>
        this.sender.sign({ to: 'globex', type: `bench.${type}`, data }),
      ),
    );
  }

  /** Posts each alone and waits until all have arrived at the endpoint: none lost, altered or twice. */
  async push(envelopes: readonly string[], pace: Pace): Promise<Measured> {
    const before = await this.exchange.usage();
    const loaded = await this.#post(envelopes, pace);
    const arrivals = await this.#arrivals(envelopes.length);
    const after = await this.exchange.usage();
    const at = checked(envelopes, arrivals);
    const first = Math.min(...loaded.began);
    const last = Math.max(...at);
    return {
      scenario: pace.name,
      envelopes: envelopes.length,
      acceptedPerSecond: (envelopes.length / loaded.tookMs) * 1000,
      deliveredPerSecond: (envelopes.length / (last - first)) * 1000,
      acceptMs: spreadOf(loaded.latencies),
      endToEndMs: spreadOf(at.map((moment, i) => moment - (loaded.began[i] ?? Number.NaN))),
      cpuUsPerEnvelope: ((after.cpuMs - before.cpuMs) * 1000) / envelopes.length,
      rssMb: after.rssMb,
    };
  }

  /** Posts in batches of 100; collects and acknowledges all by poll afterwards. */
  async batch(envelopes: readonly string[]): Promise<Measured> {
    const before = await this.exchange.usage();
    const bodies: string[] = [];
    for (let i = 0; i < envelopes.length; i += 100)
      bodies.push(JSON.stringify({ envelopes: envelopes.slice(i, i + 100) }));
    const loaded = await this.#load.ask<Loaded>({
      url: this.exchange.url,
      path: '/v1/envelopes',
      type: 'application/json',
      token: await this.sender.token(),
      bodies,
      concurrency: 4,
    } satisfies Load);
    demand(loaded.statuses, '200', bodies.length);
    const start = performance.now();
    const got = await this.#pollAll(envelopes.length);
    const pollMs = performance.now() - start;
    const after = await this.exchange.usage();
    const wanted = new Set(envelopes);
    if (got.length !== envelopes.length || got.some((envelope) => !wanted.delete(envelope)))
      throw new Error('by poll an envelope was lost, altered or collected twice');
    return {
      scenario: 'batches of 100, then poll',
      envelopes: envelopes.length,
      acceptedPerSecond: (envelopes.length / loaded.tookMs) * 1000,
      deliveredPerSecond: (envelopes.length / pollMs) * 1000,
      acceptMs: spreadOf(loaded.latencies),
      cpuUsPerEnvelope: ((after.cpuMs - before.cpuMs) * 1000) / envelopes.length,
      rssMb: after.rssMb,
    };
  }

  async #post(envelopes: readonly string[], pace: Pace): Promise<Loaded> {
    const loaded = await this.#load.ask<Loaded>({
      url: this.exchange.url,
      path: '/v1/envelopes',
      type: 'application/jwt',
      bodies: envelopes,
      concurrency: pace.concurrency,
      ...(pace.perSecond === undefined ? {} : { perSecond: pace.perSecond }),
    } satisfies Load);
    demand(loaded.statuses, '202', envelopes.length);
    return loaded;
  }

  async #listen(): Promise<void> {
    const { port } = await this.#receiver.ask<Arrivals>({ take: false });
    const json = { url: `http://127.0.0.1:${port}/in`, types: ['bench.push'] };
    const { id } = await this.recipient.call<{ id: string }>('POST', '/v1/endpoints', { json });
    await within(20_000, 'the endpoint is not verified', async () => {
      const endpoint = await this.recipient.call<{ status: string }>('GET', `/v1/endpoints/${id}`);
      return endpoint.status === 'active';
    });
  }

  async #arrivals(count: number): Promise<Arrivals['arrivals']> {
    await within(120_000, 'envelopes are missing at the endpoint', async () => {
      const seen = await this.#receiver.ask<Arrivals>({ take: false });
      return seen.count >= count;
    });
    return (await this.#receiver.ask<Arrivals>({ take: true })).arrivals;
  }

  async #pollAll(count: number): Promise<string[]> {
    const got: string[] = [];
    let ack: string[] = [];
    while (got.length < count) {
      const { sets } = await this.recipient.poll({ ack, maxEvents: 100, returnImmediately: true });
      ack = Object.keys(sets);
      if (ack.length === 0) break;
      got.push(...Object.values(sets));
    }
    await this.recipient.poll({ ack, maxEvents: 0, returnImmediately: true });
    return got;
  }
}

export interface Pace {
  readonly name: string;
  readonly concurrency: number;
  readonly perSecond?: number;
}

/** When each envelope arrived, in the order sent. Throws when one is missing, other, or there twice. */
function checked(envelopes: readonly string[], arrivals: Arrivals['arrivals']): number[] {
  const at = new Map(arrivals);
  if (arrivals.length !== envelopes.length || at.size !== envelopes.length)
    throw new Error(`${arrivals.length} arrivals, ${at.size} different, of ${envelopes.length}`);
  return envelopes.map((envelope) => {
    const moment = at.get(createHash('sha256').update(envelope).digest('base64url'));
    if (moment === undefined) throw new Error('an envelope arrived altered');
    return moment;
  });
}

function demand(statuses: Loaded['statuses'], status: string, count: number): void {
  if (statuses[status] !== count)
    throw new Error(`wanted ${count} × ${status}, had ${JSON.stringify(statuses)}`);
}

async function within(ms: number, otherwise: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
