import { type Kysely, sql } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

export interface PairCaps {
  readonly count: number;
  readonly bytes: number;
}

/** An envelope that would wait. */
export interface Place {
  readonly sender: PartnerId;
  readonly recipient: PartnerId;
  readonly bytes: number;
}

/** What waits from one sender for one recipient, as far as this process knows. */
interface Pair {
  count: number;
  bytes: number;
  /** Part of both that has not been written yet, and that a look at the ledger may not see. */
  underWay: { count: number; bytes: number };
  askedAt: number;
  /** What the last look cost: a long queue is looked at less often. */
  tookMs: number;
  asking: Promise<void> | undefined;
}

/** Below this share of the caps a look may be this old; above it the pair is looked at anew. */
const NEAR = 0.8;
const FAR_MS = 1_000;
const NEAR_MS = 100;
/** Looking takes at most one part in so many of the time. */
const PATIENCE = 20;
const MAX_PAIRS = 20_000;

/**
 * Caps what waits between a sender and a recipient, without a query for each envelope.
 *
 * A process counts what it lets in itself, and looks at the ledger again after a second, or a tenth of
 * one near the caps. So one process never goes past them, and several together by no more than what the
 * others let in since this one's last look.
 */
export class PairQuota {
  readonly #pairs = new Map<string, Pair>();

  constructor(
    private readonly db: Kysely<Tables>,
    private readonly caps: PairCaps,
  ) {}

  /**
   * Runs `write` when there is room for an envelope of `bytes`, and counts it; undefined when there is
   * not, and nothing was written.
   */
  async within<T>(
    { sender, recipient, bytes }: Place,
    write: () => Promise<T>,
  ): Promise<T | undefined> {
    const pair = await this.#freshEnough(sender, recipient);
    if (pair.count + 1 > this.caps.count || pair.bytes + bytes > this.caps.bytes) return undefined;
    add(pair, bytes);
    add(pair.underWay, bytes);
    try {
      return await write();
    } finally {
      pair.underWay.count -= 1;
      pair.underWay.bytes -= bytes;
    }
  }

  async #freshEnough(sender: PartnerId, recipient: PartnerId): Promise<Pair> {
    const pair = this.#pairOf(`${sender} ${recipient}`);
    const isNear = pair.askedAt === 0 || this.#isNear(pair);
    const maxAgeMs = Math.max(isNear ? NEAR_MS : FAR_MS, pair.tookMs * PATIENCE);
    if (pair.askedAt === 0 || performance.now() - pair.askedAt > maxAgeMs) {
      const asked = this.#ask(pair, sender, recipient);
      if (isNear) await asked;
      else asked.catch(() => undefined);
    }
    return pair;
  }

  #isNear({ count, bytes }: Pair): boolean {
    return count > this.caps.count * NEAR || bytes > this.caps.bytes * NEAR;
  }

  #ask(pair: Pair, sender: PartnerId, recipient: PartnerId): Promise<void> {
    pair.asking ??= this.#look(pair, sender, recipient).finally(() => (pair.asking = undefined));
    return pair.asking;
  }

  async #look(pair: Pair, sender: PartnerId, recipient: PartnerId): Promise<void> {
    const began = performance.now();
    const before = { count: pair.count, bytes: pair.bytes };
    const unseen = { ...pair.underWay };
    const { rows } = await sql<{ count: number; bytes: number }>`
      select count(*)::int as count, coalesce(sum(bytes), 0)::float8 as bytes from (
        select bytes from delivery
        where recipient = ${recipient} and sender = ${sender} and ended_at is null
        limit ${this.caps.count}) x`.execute(this.db);
    const [found] = rows;
    if (found === undefined) return;
    // Rather twice than not at all, until the next look: what was under way may be among what was found.
    pair.count = found.count + unseen.count + pair.count - before.count;
    pair.bytes = found.bytes + unseen.bytes + pair.bytes - before.bytes;
    pair.askedAt = performance.now();
    pair.tookMs = pair.askedAt - began;
  }

  #pairOf(name: string): Pair {
    const known = this.#pairs.get(name);
    if (known !== undefined) return known;
    const underWay = { count: 0, bytes: 0 };
    const fresh = { count: 0, bytes: 0, underWay, askedAt: 0, tookMs: 0, asking: undefined };
    this.#pairs.set(name, fresh);
    const oldest = this.#pairs.keys().next();
    if (this.#pairs.size > MAX_PAIRS && oldest.done !== true) this.#pairs.delete(oldest.value);
    return fresh;
  }
}

function add(to: { count: number; bytes: number }, bytes: number): void {
  to.count += 1;
  to.bytes += bytes;
}
