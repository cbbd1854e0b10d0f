import { Injectable } from '@nestjs/common';
import { type DeliveryFacts, OutcomesStore } from '../ledger/index.js';
import { EndpointStatus } from '../partners/index.js';
import { Clock, Settings } from '../platform/index.js';
import { nextAttemptAt } from './back-off.js';
import { EndDelivery } from './end-delivery.js';
import type { Outcome } from './outcome.js';

/** Turns how an attempt ended into a guarded step of the ledger. */
@Injectable()
export class RecordOutcome {
  constructor(
    private readonly outcomes: OutcomesStore,
    private readonly end: EndDelivery,
    private readonly endpoints: EndpointStatus,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  /** Records how a push attempt ended. False: another had ended it before. */
  async ofAttempt(facts: DeliveryFacts, outcome: Outcome): Promise<boolean> {
    switch (outcome.is) {
      case 'delivered':
        // A late 2xx of an attempt that had begun still counts, whatever was decided meanwhile.
        return this.end.run(facts, {
          to: 'delivered',
          from: ['delivering', 'waiting', 'queued'],
          status: outcome.status,
        });
      case 'never':
        return this.end.run(facts, { to: 'dead', from: ['delivering'], ...because(outcome) });
      case 'rejected':
        return this.end.reject(facts, outcome.because, ['delivering']);
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
    return this.end.run(facts, { to: 'dead', from: ['delivering'], ...because(outcome) });
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
