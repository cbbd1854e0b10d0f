/**
 * What a recipient remembers of envelopes it took in hand, so that none is handled twice. Each step is
 * atomic; every process of one recipient MUST share one store.
 */
export interface ReplayStore {
  /** Puts `mark` where nothing stands and answers undefined, or answers what stands there. */
  claim(key: string, mark: string, forMs: number): Promise<string | undefined>;
  /** Puts `mark` whatever stands there. */
  put(key: string, mark: string, forMs: number): Promise<void>;
  drop(key: string): Promise<void>;
}

interface Mark {
  readonly text: string;
  readonly until: number;
}

const SWEEP_EVERY = 1024;

/** For one process: forgotten with it, after which an envelope may be handled once more. */
export class MemoryReplay implements ReplayStore {
  readonly #marks = new Map<string, Mark>();
  #claims = 0;

  async claim(key: string, mark: string, forMs: number): Promise<string | undefined> {
    if (++this.#claims % SWEEP_EVERY === 0) this.#sweep();
    const standing = this.#marks.get(key);
    if (standing !== undefined && standing.until > Date.now()) return standing.text;
    this.#marks.set(key, { text: mark, until: Date.now() + forMs });
    return undefined;
  }

  async put(key: string, mark: string, forMs: number): Promise<void> {
    this.#marks.set(key, { text: mark, until: Date.now() + forMs });
  }

  async drop(key: string): Promise<void> {
    this.#marks.delete(key);
  }

  #sweep(): void {
    const now = Date.now();
    for (const [key, { until }] of this.#marks) if (until <= now) this.#marks.delete(key);
  }
}

/** What is needed of Redis or Valkey: any client like ioredis has it. */
export interface RedisLike {
  set(key: string, value: string, px: 'PX', ms: number): Promise<unknown>;
  set(key: string, value: string, px: 'PX', ms: number, nx: 'NX'): Promise<unknown>;
  get(key: string): Promise<string | null>;
  del(key: string): Promise<unknown>;
}

/** For many processes, over restarts. It must not evict: `maxmemory-policy noeviction`. */
export class RedisReplay implements ReplayStore {
  constructor(
    private readonly redis: RedisLike,
    private readonly prefix = 'sealpost:replay:',
  ) {}

  async claim(key: string, mark: string, forMs: number): Promise<string | undefined> {
    for (;;) {
      const set = await this.redis.set(this.prefix + key, mark, 'PX', forMs, 'NX');
      if (set !== null) return undefined;
      const standing = await this.redis.get(this.prefix + key);
      // Null: what stood there ran out between the two, so nothing stands there now.
      if (standing !== null) return standing;
    }
  }

  async put(key: string, mark: string, forMs: number): Promise<void> {
    await this.redis.set(this.prefix + key, mark, 'PX', forMs);
  }

  async drop(key: string): Promise<void> {
    await this.redis.del(this.prefix + key);
  }
}
