import { Injectable } from '@nestjs/common';
import { type End, type ReasonCode, receiptStateOf, type State } from '../envelope/index.js';
import { type DeliveryFacts, OutcomesStore } from '../ledger/index.js';
import { EndpointStatus } from '../partners/index.js';
import { Clock, Settings } from '../platform/index.js';
import { Receipts } from '../receipts/index.js';
import { nextAttemptAt } from './back-off.js';
import type { Outcome } from './outcome.js';

interface Ending {
  readonly to: End;
  readonly from: readonly State[];
  readonly status?: number;
  readonly reason?: string;
}

/** Turns outcomes into guarded steps of the ledger, with the receipt of what ended. */
@Injectable()
export class RecordOutcome {
  constructor(
    private readonly outcomes: OutcomesStore,
    private readonly receipts: Receipts,
    private readonly endpoints: EndpointStatus,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Records how a push attempt ended. False: another had ended it before. */
  async ofAttempt(facts: DeliveryFacts, outcome: Outcome): Promise<boolean> {
    switch (outcome.is) {
      case 'delivered':
        // A late 2xx of an attempt that had begun still counts, whatever was decided meanwhile.
        return this.end(facts, {
          to: 'delivered',
          from: ['delivering', 'waiting', 'queued'],
          status: outcome.status,
        });
      case 'never':
        return this.end(facts, { to: 'dead', from: ['delivering'], ...because(outcome) });
      case 'rejected':
        return this.reject(facts, outcome.because, ['delivering']);
      case 'gone':
        if (facts.endpointId !== null)
          await this.endpoints.disable(facts.endpointId, 'the endpoint answered 410 Gone');
        return this.#again(facts, { because: 'http_410', status: outcome.status });
      case 'interrupted':
        return this.#waitUntil(facts, this.clock.now(), { because: 'interrupted' });
      case 'again':
        return this.#again(facts, outcome);
    }
  }

  /** Ends it as `rejected`: it did not pass verification before delivery. */
  reject(facts: DeliveryFacts, code: ReasonCode, from: readonly State[]): Promise<boolean> {
    return this.end(facts, { to: 'rejected', from, reason: code });
  }

  /** Ends it because its time is over: `expired` when nothing was ever begun, else `dead`. */
  timeIsOver(facts: DeliveryFacts): Promise<boolean> {
    const to = facts.attempt === 0 ? 'expired' : 'dead';
    return this.end(facts, { to, from: [facts.state], reason: 'exp' });
  }

  /** Ends a delivery after the guard `from`, with its receipt in the same commit. */
  async end(facts: DeliveryFacts, { to, from, status, reason }: Ending): Promise<boolean> {
    const at = this.clock.now();
    const state = receiptStateOf(to);
    const details = {
      ...(status === undefined ? {} : { status }),
      ...(reason === undefined ? {} : { reason }),
    };
    const token = await this.receipts.ofDelivery(facts, { state, at, ...details });
    return this.outcomes.record({
      deliveryId: facts.deliveryId,
      attempt: facts.attempt,
      from,
      to,
      at,
      ...details,
      receipt: { state, token },
    });
  }

  async #again(
    facts: DeliveryFacts,
    outcome: { because: string; status?: number; retryAfterMs?: number },
  ): Promise<boolean> {
    const next = nextAttemptAt({
      scheduleMs: this.settings.RETRY_SCHEDULE_MS,
      attempt: facts.attempt,
      ...(outcome.retryAfterMs === undefined ? {} : { retryAfterMs: outcome.retryAfterMs }),
      now: this.clock.now(),
      exp: facts.exp,
      chance: Math.random(),
    });
    if (next !== undefined) return this.#waitUntil(facts, next, outcome);
    return this.end(facts, { to: 'dead', from: ['delivering'], ...because(outcome) });
  }

  #waitUntil(
    facts: DeliveryFacts,
    next: Date,
    outcome: { because: string; status?: number },
  ): Promise<boolean> {
    return this.outcomes.record({
      deliveryId: facts.deliveryId,
      attempt: facts.attempt,
      from: ['delivering'],
      to: 'waiting',
      at: this.clock.now(),
      nextAttemptAt: next,
      ...because(outcome),
    });
  }
}

function because(outcome: { because: string; status?: number }): {
  reason: string;
  status?: number;
} {
  const { because: reason, status } = outcome;
  return { reason, ...(status === undefined ? {} : { status }) };
}
