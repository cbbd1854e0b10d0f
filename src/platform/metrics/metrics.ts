import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type ReasonCode, REASONS } from '../../envelope/index.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LONG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3600, 86_400];

/**
 * What Prometheus reads at /metrics. Labels come from closed sets (reason codes, states, outcomes), so
 * that no input can make series.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  readonly accepted = new Counter({
    name: 'sealpost_envelopes_accepted_total',
    help: 'Envelopes accepted, each once',
    registers: [this.registry],
  });

  readonly repeated = new Counter({
    name: 'sealpost_envelopes_repeated_total',
    help: 'Envelopes that came again with the same bytes',
    registers: [this.registry],
  });

  readonly refused = new Counter({
    name: 'sealpost_envelopes_refused_total',
    help: 'Envelopes refused, by reason code',
    labelNames: ['code'] as const,
    registers: [this.registry],
  });

  readonly acceptSeconds = new Histogram({
    name: 'sealpost_accept_duration_seconds',
    help: 'From the parsed request to the commit or the refusal',
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly attempts = new Counter({
    name: 'sealpost_delivery_attempts_total',
    help: 'Attempts and leases that were begun, by how they ended',
    labelNames: ['method', 'outcome'] as const,
    registers: [this.registry],
  });

  readonly attemptSeconds = new Histogram({
    name: 'sealpost_delivery_attempt_duration_seconds',
    help: 'One push attempt, second verification and commit included',
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly ended = new Counter({
    name: 'sealpost_deliveries_ended_total',
    help: 'Deliveries that ended, by state',
    labelNames: ['method', 'state'] as const,
    registers: [this.registry],
  });

  readonly deliverySeconds = new Histogram({
    name: 'sealpost_delivery_duration_seconds',
    help: 'From acceptance to a 2xx or an ack',
    labelNames: ['method'] as const,
    buckets: LONG_SECONDS,
    registers: [this.registry],
  });

  readonly httpSeconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'HTTP requests by route',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: SECONDS,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const code of Object.keys(REASONS)) this.refused.inc({ code }, 0);
  }

  /** Counts a refusal under its code. */
  refuse(code: ReasonCode): void {
    this.refused.inc({ code });
  }

  /** Adds a gauge that is looked up at each scrape. */
  gauge(name: string, help: string, collect: () => Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async () => gauge.set(await collect()),
    });
  }

  /** Adds a gauge by state, looked up at each scrape. */
  gaugeByState(
    name: string,
    help: string,
    collect: () => Promise<Readonly<Record<string, number>>>,
  ): void {
    const gauge: Gauge<'state'> = new Gauge({
      name,
      help,
      labelNames: ['state'] as const,
      registers: [this.registry],
      collect: async () => {
        gauge.reset();
        for (const [state, value] of Object.entries(await collect())) gauge.set({ state }, value);
      },
    });
  }
}
