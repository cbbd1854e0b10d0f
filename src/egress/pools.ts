import { Agent, type Dispatcher } from 'undici';
import { EgressFault } from './fault.js';
import { guardedConnector } from './connect.js';
import type { Guard } from './guard.js';

/** Partners that keep connections open at once; the one unused for longest gives way. */
export const MAX_POOLS = 256;
/** One slow endpoint must not use up the host's sockets. */
const CONNECTIONS_PER_ORIGIN = 32;
const MAX_HEADER_BYTES = 16_384;
const KEEP_ALIVE_MS = 4_000;
/** What an endpoint may ask for by a Keep-Alive header. */
const KEEP_ALIVE_MAX_MS = 30_000;

/**
 * One agent for each key, so that no connection is shared between partners: an answer that one of them leaves on a
 * socket can only ever reach a request of their own.
 */
export class Pools {
  /** In order of last use. */
  readonly #agents = new Map<string, Agent>();
  readonly #retiring = new Set<Agent>();
  readonly #guard: Guard;
  #closed = false;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  of(key: string): Dispatcher {
    if (this.#closed) throw new EgressFault('reset', 'CLOSED');
    const agent = this.#agents.get(key) ?? this.#make();
    this.#agents.delete(key);
    this.#agents.set(key, agent);
    const [oldest] = this.#agents;
    if (this.#agents.size > MAX_POOLS && oldest !== undefined) this.#retire(...oldest);
    return agent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const agents = [...this.#agents.values(), ...this.#retiring];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #make(): Agent {
    return new Agent({
      connect: guardedConnector(this.#guard),
      allowH2: false,
      useMilo: false,
      pipelining: 1,
      connections: CONNECTIONS_PER_ORIGIN,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      // The deadline of the whole exchange is the only clock: these are per step, and up to a second late.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** Lets the requests under way end; each has its own deadline. */
  #retire(key: string, agent: Agent): void {
    this.#agents.delete(key);
    this.#retiring.add(agent);
    const forget = (): void => {
      this.#retiring.delete(agent);
    };
    agent.close().then(forget, forget);
  }
}
