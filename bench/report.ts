import type { EngineName } from './exchange.ts';
import type { CryptoFloor, SealingFloor } from './floors.ts';
import type { Measured } from './scenarios.ts';
import type { Spread } from './statistics.ts';

export interface EngineResult {
  readonly engine: EngineName;
  readonly queuePerSecond: number;
  readonly httpPerSecond: number;
  readonly measured: readonly Measured[];
}

export interface Run {
  readonly crypto: readonly CryptoFloor[];
  readonly sealing: readonly SealingFloor[];
  readonly results: readonly EngineResult[];
  readonly machine: string;
  readonly commit: string;
  readonly node: string;
  readonly count: number;
  readonly bytes: number;
}

/** bench/RESULTS.md: what was measured, beside the floors of the same run. */
export function report(run: Run): string {
  return `# Benchmark results

Written by \`npm run bench\`; do not edit. Commit ${run.commit}, Node ${run.node}, ${run.machine}.
${run.count} envelopes with ${run.bytes} bytes of data each, signed Ed25519. Load generator, receiver, PostgreSQL
and Redis share the machine with the exchange, so figures are for comparing within one run.

Every run checks that each envelope arrived exactly once, byte for byte.

## The exchange, one process of both roles

| queue | scenario | accepted/s | delivered/s | accept p50 / p95 / p99 ms | end to end p50 / p95 / p99 ms | CPU µs per envelope | memory MB |
|---|---|---|---|---|---|---|---|
${run.results.flatMap(({ engine, measured }) => measured.map((one) => row(engine, one))).join('\n')}

"Delivered" by webhook counts from the first request to the last arrival; by poll it is the rate of collecting and
acknowledging. CPU is the exchange's own process, without PostgreSQL and Redis.

## Floors of the same run

| queue | bare Fastify POST/s | BullMQ no-op jobs/s | accepted as a share of HTTP | delivered as a share of the queue |
|---|---|---|---|---|
${run.results.map(floors).join('\n')}

| signature | sign µs | verify µs |
|---|---|---|
${run.crypto.map(({ alg, signUs, verifyUs }) => `| ${alg} | ${whole(signUs)} | ${whole(verifyUs)} |`).join('\n')}

| sealed to | seal µs | open µs | checked by the exchange µs |
|---|---|---|---|
${run.sealing.map(sealed).join('\n')}
`;
}

function sealed({ name, sealUs, openUs, exchangeUs }: SealingFloor): string {
  return `| ${name} | ${whole(sealUs)} | ${whole(openUs)} | ${whole(exchangeUs)} |`;
}

function row(engine: EngineName, one: Measured): string {
  const cells = [
    engine === 'redis' ? 'Redis' : 'PostgreSQL',
    one.scenario,
    whole(one.acceptedPerSecond),
    one.deliveredPerSecond === undefined ? '–' : whole(one.deliveredPerSecond),
    spread(one.acceptMs),
    one.endToEndMs === undefined ? '–' : spread(one.endToEndMs),
    whole(one.cpuUsPerEnvelope),
    whole(one.rssMb),
  ];
  return `| ${cells.join(' | ')} |`;
}

function floors({ engine, queuePerSecond, httpPerSecond, measured }: EngineResult): string {
  const [full] = measured;
  const accepted = (full?.acceptedPerSecond ?? 0) / httpPerSecond;
  const delivered = (full?.deliveredPerSecond ?? 0) / queuePerSecond;
  return `| ${engine === 'redis' ? 'Redis' : 'PostgreSQL'} | ${whole(httpPerSecond)} | ${whole(queuePerSecond)} | ${percent(accepted)} | ${percent(delivered)} |`;
}

function spread({ p50, p95, p99 }: Spread): string {
  return [p50, p95, p99].map((ms) => (ms < 10 ? ms.toFixed(1) : whole(ms))).join(' / ');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
