import { Injectable } from '@nestjs/common';
import { type End, type ReasonCode, receiptStateOf, type State } from '../envelope/index.js';
import { type DeliveryFacts, OutcomesStore } from '../ledger/index.js';
import { Clock, Metrics } from '../platform/index.js';
import { Receipts } from '../receipts/index.js';

export interface Ending {
  readonly to: End;
  /** Only from one of these states. */
  readonly from: readonly State[];
  readonly status?: number;
  readonly reason?: string;
}

/** STEP 7: ends deliveries, each by one guarded step with its receipt in the same commit. */
@Injectable()
export class EndDelivery {
  constructor(
    private readonly outcomes: OutcomesStore,
    private readonly receipts: Receipts,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  /** False: the delivery was not in one of these states, and nothing was changed. */
  async run(facts: DeliveryFacts, { to, from, status, reason }: Ending): Promise<boolean> {
    const at = this.clock.now();
    const state = receiptStateOf(to);
    const details = {
      ...(status === undefined ? {} : { status }),
      ...(reason === undefined ? {} : { reason }),
    };
    const token = await this.receipts.ofDelivery(facts, { state, at, ...details });
    const made = await this.outcomes.record({
      deliveryId: facts.deliveryId,
      attempt: facts.attempt,
      from,
      to,
      at,
      ...details,
      receipt: { state, token },
    });
    if (made) this.#count(facts, to, at);
    return made;
  }

  /** Ends it as `rejected`: it did not pass verification before delivery. */
  reject(facts: DeliveryFacts, code: ReasonCode, from: readonly State[]): Promise<boolean> {
    return this.run(facts, { to: 'rejected', from, reason: code });
  }

  /** Ends it because its time is over: `expired` when nothing was ever begun, else `dead`. */
  timeIsOver(facts: DeliveryFacts): Promise<boolean> {
    const to = facts.attempt === 0 ? 'expired' : 'dead';
    return this.run(facts, { to, from: [facts.state], reason: 'exp' });
  }

  #count(facts: DeliveryFacts, state: End, at: Date): void {
    const method = facts.endpointId === null ? 'poll' : 'push';
    this.metrics.ended.inc({ method, state });
    if (state === 'delivered' || state === 'acknowledged')
      this.metrics.deliverySeconds.observe(
        { method },
        (at.getTime() - facts.createdAt.getTime()) / 1000,
      );
  }
}
