import { Agent, request } from 'undici';
import { answering } from './child.ts';

/** What the load generator is asked to do. */
export interface Load {
  readonly url: string;
  /** Bodies to post, in order. */
  readonly bodies: readonly string[];
  readonly type: string;
  readonly token?: string;
  readonly path: string;
  /** Requests under way at once. */
  readonly concurrency: number;
  /** Requests a second, evenly spaced; absent: as fast as they are answered. */
  readonly perSecond?: number;
}

export interface Loaded {
  readonly tookMs: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Latency of each request, ms, and when it began, ms on the wall clock. */
  readonly latencies: readonly number[];
  readonly began: readonly number[];
  readonly cpuMs: number;
}

answering(async (load: Load): Promise<Loaded> => {
  const agent = new Agent({ connections: load.concurrency, pipelining: 1 });
  const latencies: number[] = [];
  const began: number[] = [];
  const statuses: Record<string, number> = {};
  const cpu = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  const one = async (): Promise<void> => {
    for (let i = next++; i < load.bodies.length; i = next++) {
      const due = load.perSecond === undefined ? 0 : start + (i * 1000) / load.perSecond;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const at = performance.now();
      began[i] = performance.timeOrigin + at;
      const { statusCode, body } = await request(`${load.url}${load.path}`, {
        method: 'POST',
        dispatcher: agent,
        headers: {
          'content-type': load.type,
          ...(load.token === undefined ? {} : { authorization: `Bearer ${load.token}` }),
        },
        body: load.bodies[i] ?? '',
      });
      await body.dump();
      latencies[i] = performance.now() - at;
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: load.concurrency }, one));
  const tookMs = performance.now() - start;
  const used = process.cpuUsage(cpu);
  await agent.close();
  return { tookMs, statuses, latencies, began, cpuMs: (used.user + used.system) / 1000 };
});
process.on('disconnect', () => process.exit(0));
