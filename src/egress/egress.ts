import { Refused } from '../envelope/index.js';
import { readAnswer, type EgressAnswer } from './answer.js';
import { EgressFault, faultOf } from './fault.js';
import { Guard, lookupBySystem } from './guard.js';
import { Pools } from './pools.js';
import type { EgressRules, Lookup } from './rules.js';

interface Asking {
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole exchange: name, connection, request, answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Connections are shared only between requests with the same key: the partner's id. */
  readonly poolKey?: string;
}

export interface EgressRequest extends Asking {
  readonly body: string;
}

export interface EgressGet extends Asking {
  /** Most bytes of the answer that are read. */
  readonly maxBytes: number;
}

interface Whole extends EgressGet {
  readonly method: 'GET' | 'POST';
  readonly body: string | null;
}

// These decide where a request goes, how it is framed, or how its answer is read.
const OUR_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'accept-encoding',
]);

/** The one guard for every URL a partner gives, and the only way out by HTTP. */
export class Egress {
  readonly #guard: Guard;
  readonly #pools: Pools;
  readonly #maxResponseBytes: number;

  constructor(rules: EgressRules, lookup: Lookup = lookupBySystem) {
    this.#guard = new Guard(rules, lookup);
    this.#pools = new Pools(this.#guard);
    this.#maxResponseBytes = rules.maxResponseBytes;
  }

  /**
   * Judges a URL at registration: Refused `url_rejected` with the reason, or the href, which is what MUST be stored
   * and later fetched. With `resolve` its name must have addresses, all of them allowed, at this moment; they are
   * judged again at every connection.
   */
  async admitUrl(text: unknown, { resolve = false }: { resolve?: boolean } = {}): Promise<string> {
    const target = this.#guard.admit(text);
    if (resolve) await this.#guard.addressesOf(target).catch(toRefused);
    return target.href;
  }

  /**
   * Posts once and gives back whatever status came; a redirect is an answer like any other.
   *
   * Throws EgressFault and nothing else, and only while no complete head of an answer has come: the request may have
   * been acted upon all the same. When `signal` aborts, the reason is `timeout`.
   */
  post(url: string, request: EgressRequest): Promise<EgressAnswer> {
    return this.#send(url, { ...request, method: 'POST', maxBytes: this.#maxResponseBytes });
  }

  /** Gets once, in the same way and with the same faults. A redirect is an answer and is not followed. */
  get(url: string, request: EgressGet): Promise<EgressAnswer> {
    return this.#send(url, { ...request, method: 'GET', body: null });
  }

  /** Destroys every connection; requests under way fail with `reset`. */
  async close(): Promise<void> {
    await this.#pools.close();
  }

  async #send(url: string, request: Whole): Promise<EgressAnswer> {
    const deadline = new AbortController();
    const giveUp = (): void => {
      deadline.abort();
    };
    const timer = setTimeout(giveUp, request.timeoutMs);
    request.signal?.addEventListener('abort', giveUp, { once: true });
    if (request.signal?.aborted === true) giveUp();
    try {
      return await this.#exchange(url, request, deadline.signal);
    } catch (error) {
      if (error instanceof Refused) throw new EgressFault('url_rejected');
      if (error instanceof EgressFault || !deadline.signal.aborted) throw faultOf(error);
      throw new EgressFault('timeout');
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', giveUp);
    }
  }

  async #exchange(
    text: string,
    { method, headers, body, maxBytes, poolKey = '' }: Whole,
    signal: AbortSignal,
  ): Promise<EgressAnswer> {
    const { href } = this.#guard.admit(text);
    const { origin, pathname, search } = new URL(href);
    const response = await endedBy(
      signal,
      this.#pools.of(poolKey).request({
        origin,
        path: `${pathname}${search}`,
        method,
        headers: headersFor(headers),
        body,
        signal,
      }),
    );
    return readAnswer(response, maxBytes);
  }
}

function headersFor(given: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(given).filter(([name]) => !OUR_HEADERS.has(name.toLowerCase()));
  // Nothing is ever decompressed, so a bomb stays as small as it was sent.
  return { ...Object.fromEntries(kept), 'accept-encoding': 'identity' };
}

/**
 * undici looks at the signal only once a connection is there. Until then this ends the waiting; the request is
 * dropped unsent when the connection comes.
 */
async function endedBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const ended = new Promise<never>((_, reject) => {
    const end = (): void => {
      reject(new EgressFault('timeout'));
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
  return Promise.race([work, ended]);
}

function toRefused(error: unknown): never {
  if (error instanceof EgressFault) throw new Refused('url_rejected', 'the name does not resolve');
  throw error;
}
