import { Injectable } from '@nestjs/common';
import { Refused } from '../../envelope/index.js';
import { Settings } from '../config/index.js';
import { Database, MicroBatch } from '../database/index.js';
import { Log } from '../log/index.js';
import { type Asked, forgetFullBuckets, type Granted, leaseTokens } from './budget.store.js';

/** Whose budget: a network address's, or a partner's that has shown who it is. */
export type BudgetKind = 'address' | 'partner';

/** What a process holds of one bucket. */
interface Slice {
  /** Tokens that are this process's own. */
  left: number;
  /** What the bucket held besides when it was last asked. */
  bucket: number;
  leasedAt: number;
  /** Before this there is no use in asking the bucket. */
  emptyUntil: number;
  /** Cost of those who wait for `leasing`. */
  waiting: number;
  leasing: Promise<void> | undefined;
}

/** A slice is what a bucket gets in this time: that is how often a busy process asks for one. */
const SLICE_SECONDS = 0.25;
/** A slice that was not used up by then is given up: the bucket has refilled meanwhile. */
const STALE_MS = 1_000;
const MAX_SLICES = 50_000;
const FORGET_EVERY_MS = 60_000;

/**
 * Token buckets that all processes share, at the cost of a query per slice instead of one per request.
 *
 * Tokens are taken out of the bucket before they are spent, so all processes together never spend more
 * than the bucket's capacity and rate give, but for slices they still hold: one each, for a second at
 * most. What they hold and do not use is what a caller can be short of.
 */
@Injectable()
export class Budgets {
  readonly #slices = new Map<string, Slice>();
  readonly #leases: MicroBatch<Asked, Granted>;
  #forgotAt = performance.now();

  constructor(
    private readonly settings: Settings,
    private readonly database: Database,
    private readonly log: Log,
  ) {
    const options = { maxItems: 256, writers: 1 };
    this.#leases = new MicroBatch((asked) => leaseTokens(this.database.db, asked), options);
  }

  /**
   * Spends `cost` tokens of `who`. Undefined when it is done at once, as it mostly is; else resolves when
   * it is done. Throws or rejects with Refused `rate_limited` and when to come again.
   */
  spend(kind: BudgetKind, who: string, cost: number): Promise<void> | undefined {
    const slice = this.#sliceOf(`${kind} ${who}`);
    const now = performance.now();
    if (now - slice.leasedAt > STALE_MS) slice.left = 0;
    if (slice.left < cost) {
      if (now < slice.emptyUntil) throw this.#refusal(kind, slice, cost);
      return this.#spendLater(kind, who, cost);
    }
    slice.left -= cost;
    // Ahead of need, so that a busy caller never waits for a lease.
    if (slice.left < this.#sliceSize(kind) / 2 && now >= slice.emptyUntil)
      this.#lease(kind, who, slice).catch(() => undefined);
    return undefined;
  }

  /** The `RateLimit-Policy` item of a budget (draft-ietf-httpapi-ratelimit-headers). */
  policy(kind: BudgetKind): string {
    return `"${kind}";q=${this.#capacity(kind)};w=${this.settings.RATE_BURST_SECONDS}`;
  }

  /** The `RateLimit` item of a budget: what is left as far as this process knows, and when it is full. */
  limit(kind: BudgetKind, who: string): string {
    const { left, bucket } = this.#sliceOf(`${kind} ${who}`);
    const capacity = this.#capacity(kind);
    const remaining = Math.min(capacity, Math.floor(left + bucket));
    return `"${kind}";r=${remaining};t=${Math.ceil((capacity - remaining) / this.#perSecond(kind))}`;
  }

  async #spendLater(kind: BudgetKind, who: string, cost: number): Promise<void> {
    const slice = this.#sliceOf(`${kind} ${who}`);
    slice.waiting += cost;
    try {
      while (slice.left < cost) {
        if (performance.now() < slice.emptyUntil) throw this.#refusal(kind, slice, cost);
        await this.#lease(kind, who, slice);
      }
      slice.left -= cost;
    } finally {
      slice.waiting -= cost;
    }
  }

  #lease(kind: BudgetKind, who: string, slice: Slice): Promise<void> {
    slice.leasing ??= this.#leaseNow(kind, who, slice).finally(() => (slice.leasing = undefined));
    return slice.leasing;
  }

  async #leaseNow(kind: BudgetKind, who: string, slice: Slice): Promise<void> {
    const { granted, tokens } = await this.#leases.add({
      name: `${kind} ${who}`,
      wanted: Math.max(this.#sliceSize(kind), slice.waiting),
      perSecond: this.#perSecond(kind),
      capacity: this.#capacity(kind),
    });
    const now = performance.now();
    slice.left += granted;
    slice.bucket = tokens;
    slice.leasedAt = now;
    // However many come: until the bucket has a token again, they are refused without a query.
    if (granted === 0) slice.emptyUntil = now + ((1 - tokens) / this.#perSecond(kind)) * 1000;
    this.#forgetNowAndThen(now);
  }

  #forgetNowAndThen(now: number): void {
    if (now - this.#forgotAt < FORGET_EVERY_MS) return;
    this.#forgotAt = now;
    forgetFullBuckets(this.database.db).catch((error: unknown) =>
      this.log.broken('budgets.not_forgotten', error),
    );
  }

  #refusal(kind: BudgetKind, { left, bucket }: Slice, cost: number): Refused {
    const seconds = (cost - left - bucket) / this.#perSecond(kind);
    return new Refused('rate_limited', `the budget of this ${kind} is spent`, {
      retryAfter: Math.max(1, Math.ceil(seconds)),
    });
  }

  #sliceOf(name: string): Slice {
    const known = this.#slices.get(name);
    if (known !== undefined) return known;
    const fresh = {
      left: 0,
      bucket: 0,
      leasedAt: 0,
      emptyUntil: 0,
      waiting: 0,
      leasing: undefined,
    };
    this.#slices.set(name, fresh);
    const oldest = this.#slices.keys().next();
    if (this.#slices.size > MAX_SLICES && oldest.done !== true) this.#slices.delete(oldest.value);
    return fresh;
  }

  #sliceSize(kind: BudgetKind): number {
    return Math.max(1, Math.floor(this.#perSecond(kind) * SLICE_SECONDS));
  }

  #capacity(kind: BudgetKind): number {
    return this.#perSecond(kind) * this.settings.RATE_BURST_SECONDS;
  }

  #perSecond(kind: BudgetKind): number {
    const { RATE_ADDRESS_PER_SECOND, RATE_PARTNER_PER_SECOND } = this.settings;
    return kind === 'address' ? RATE_ADDRESS_PER_SECOND : RATE_PARTNER_PER_SECOND;
  }
}
