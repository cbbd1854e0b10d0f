import { Injectable } from '@nestjs/common';
import { Refused } from '../envelope/index.js';
import {
  type AttemptJob,
  DeliveriesStore,
  type DeliveryFacts,
  OutboxStore,
} from '../ledger/index.js';
import { Clock, Settings } from '../platform/index.js';
import { EndDelivery } from './end-delivery.js';
import type { Outcome } from './outcome.js';
import { RecordOutcome } from './record-outcome.js';
import { VerifyAgain } from './verify-again.js';
import { Push } from './webhook/push.js';

/** Of the endpoint's own time, for the statements around the push; after it the attempt counts as lost. */
const SLACK = 1 / 3;

/** The steps behind one attempt; what they need of each other is in their own folders. */
@Injectable()
export class AttemptSteps {
  constructor(
    readonly deliveries: DeliveriesStore,
    readonly verifyAgain: VerifyAgain,
    readonly push: Push,
    readonly record: RecordOutcome,
    readonly end: EndDelivery,
  ) {}
}

/** What became of a job, for the wide line. */
export interface Delivered {
  readonly outcome: Outcome['is'] | 'stale' | 'held' | 'expired';
  readonly facts?: DeliveryFacts;
  readonly reason?: string;
}

/** Steps 5 to 7 of the way: verify again, hand over, give a receipt. */
@Injectable()
export class DeliverAttempt {
  constructor(
    private readonly steps: AttemptSteps,
    private readonly outbox: OutboxStore,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  async run(job: AttemptJob, signal: AbortSignal): Promise<Delivered> {
    const now = this.clock.now();
    const until = new Date(now.getTime() + this.settings.ENDPOINT_TIMEOUT_MS * (1 + SLACK));
    const { begun, facts } = await this.steps.deliveries.begin(job, now, until);
    if (facts === undefined) return { outcome: 'stale' };
    if (!begun) return this.#notBegun(job, facts, now);
    const outcome = await this.#handOver(facts, signal);
    const made = await this.steps.record.ofAttempt(facts, outcome);
    if (!made) return { outcome: 'stale', facts };
    return {
      outcome: outcome.is,
      facts,
      ...('because' in outcome ? { reason: outcome.because } : {}),
    };
  }

  async #handOver(facts: DeliveryFacts, signal: AbortSignal): Promise<Outcome> {
    try {
      const envelope = await this.steps.verifyAgain.run(facts);
      return await this.steps.push.handOver(envelope, facts, signal);
    } catch (error) {
      if (error instanceof Refused) return { is: 'rejected', because: error.code };
      throw error;
    }
  }

  /** The ledger let no attempt begin: stale job, time over, held, or no longer allowed. */
  async #notBegun(job: AttemptJob, facts: DeliveryFacts, now: Date): Promise<Delivered> {
    if (facts.state !== 'queued' || facts.attempt !== job.attempt - 1)
      return { outcome: 'stale', facts };
    if (facts.exp <= now) {
      await this.steps.end.timeIsOver(facts);
      return { outcome: 'expired', facts };
    }
    const reason = isHeld(facts) ? undefined : await this.#reasonAgainst(facts);
    if (reason === undefined) {
      await this.outbox.putBack(job, new Date(now.getTime() + this.settings.SWEEP_MS));
      return { outcome: 'held', facts };
    }
    await this.steps.end.reject(facts, reason, ['queued']);
    return { outcome: 'rejected', facts, reason };
  }

  /** Undefined: nothing speaks against it by now. */
  async #reasonAgainst(facts: DeliveryFacts): Promise<Refused['code'] | undefined> {
    try {
      await this.steps.verifyAgain.run(facts);
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return error.code;
      throw error;
    }
  }
}

/** Suspension and a disabled endpoint hold, they do not reject. */
function isHeld({ relation, endpoint }: DeliveryFacts): boolean {
  return (
    relation.sender === 'suspended' ||
    relation.recipient === 'suspended' ||
    endpoint?.status !== 'active'
  );
}
