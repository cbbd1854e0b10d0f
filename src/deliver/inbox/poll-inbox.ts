import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused, type State } from '../../envelope/index.js';
import { DeliveriesStore, type DeliveryFacts, type LeaseBegun } from '../../ledger/index.js';
import { Clock, isUuid, Settings } from '../../platform/index.js';
import { EndDelivery } from '../end-delivery.js';
import { VerifyAgain } from '../verify-again.js';
import type { Poll, PollAnswer } from './poll.dto.js';
import { InboxWaiters } from './waiters.js';

const MOST = 100;
const MAX_ANSWER_BYTES = 8 * 1_048_576;
/** How often a waiting poll looks although nothing woke it: a wake-up may be lost. */
const LOOK_EVERY_MS = 5_000;
const OPEN: readonly State[] = ['available', 'leased'];

/** What polling needs of the steps around it. */
@Injectable()
export class InboxSteps {
  constructor(
    readonly deliveries: DeliveriesStore,
    readonly verifyAgain: VerifyAgain,
    readonly end: EndDelivery,
    readonly waiters: InboxWaiters,
  ) {}
}

/** STEP 6, poll (RFC 8936): acks are taken first and durably, then envelopes are leased. */
@Injectable()
export class PollInbox {
  constructor(
    private readonly steps: InboxSteps,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Ends early, with what there is, when `signal` aborts. */
  async run(recipient: PartnerId, poll: Poll, signal: AbortSignal): Promise<PollAnswer> {
    await this.#settle(recipient, poll);
    const most = Math.min(poll.maxEvents ?? MOST, MOST);
    // Nothing could come that such a poll would wait for.
    if (most === 0) return this.#answer(recipient, [], 1);
    const leased = await this.#leaseWithin(recipient, most, waitOf(poll, this.settings), signal);
    return this.#answer(recipient, leased, most);
  }

  /** Acks and refusals of deliveries that this recipient was shown; others are ignored (idempotent). */
  async #settle(recipient: PartnerId, { ack, setErrs }: Poll): Promise<void> {
    const errs = new Map(setErrs.map(({ deliveryId, err }) => [deliveryId, err]));
    let ids = [...new Set([...ack, ...errs.keys()])].filter(isUuid);
    // Again: one that another poller leased meanwhile, or whose lease just ended, is still open.
    while (ids.length > 0) {
      const shown = await this.steps.deliveries.leasedOnce(recipient, ids);
      const made = await Promise.all(
        shown.map((facts) => this.#end(facts, errs.get(facts.deliveryId))),
      );
      ids = shown.filter((_, i) => made[i] === false).map((facts) => facts.deliveryId);
    }
  }

  #end(facts: DeliveryFacts, err: string | undefined): Promise<boolean> {
    return err === undefined
      ? this.steps.end.run(facts, { to: 'acknowledged', from: OPEN })
      : this.steps.end.run(facts, { to: 'declined', from: OPEN, reason: err });
  }

  async #leaseWithin(
    recipient: PartnerId,
    most: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly DeliveryFacts[]> {
    const stop = performance.now() + waitMs;
    for (;;) {
      const wake = this.steps.waiters.listen(recipient);
      const leased = signal.aborted ? [] : await this.#lease(recipient, most);
      const left = stop - performance.now();
      const over = leased.length > 0 || left <= 0 || signal.aborted;
      await wake.until(over ? 0 : Math.min(left, LOOK_EVERY_MS), signal);
      if (over) return leased;
    }
  }

  /** Only what passed the whole verification again is shown; the rest is rejected, with its receipt. */
  async #lease(recipient: PartnerId, most: number): Promise<readonly DeliveryFacts[]> {
    const at = this.clock.now();
    const until = new Date(at.getTime() + this.settings.POLL_LEASE_MS);
    const asked = { most, maxBytes: MAX_ANSWER_BYTES, at, until };
    for (;;) {
      const found = await this.steps.deliveries.lease(recipient, asked);
      const passed: LeaseBegun[] = [];
      for (const one of found) if (await this.#passes(one.facts)) passed.push(one);
      // What was rejected does not come again: what stands behind it takes its place.
      if (passed.length > 0 || found.length === 0)
        return passed.filter(({ begun }) => begun).map(({ facts }) => facts);
    }
  }

  async #passes(facts: DeliveryFacts): Promise<boolean> {
    try {
      await this.steps.verifyAgain.run(facts);
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this.steps.end.reject(facts, error.code, OPEN);
      return false;
    }
  }

  async #answer(
    recipient: PartnerId,
    leased: readonly DeliveryFacts[],
    most: number,
  ): Promise<PollAnswer> {
    const sets = Object.fromEntries(leased.map((facts) => [facts.deliveryId, facts.envelope.body]));
    const asked = most === 1 || leased.length > 0;
    const more = asked && (await this.steps.deliveries.anyOpen(recipient, this.clock.now()));
    // Omitted when false: RFC 8936 section 2.3 allows it, and some clients cannot read a boolean here.
    return more ? { sets, moreAvailable: true } : { sets };
  }
}

function waitOf(poll: Poll, settings: Settings): number {
  return poll.returnImmediately ? 0 : settings.LONG_POLL_MS;
}
