import { Injectable } from '@nestjs/common';
import { Egress, EgressFault } from '../../egress/index.js';
import type { DeliveryFacts } from '../../ledger/index.js';
import { Clock, Settings, traceparentOf } from '../../platform/index.js';
import { secondsOf, type VerifiedEnvelope } from '../../verify/index.js';
import type { Outcome } from '../outcome.js';
import { classifyAnswer } from './classify-answer.js';

/** STEP 6, push: one POST of the envelope exactly as its sender signed it (RFC 8935 section 2.1). */
@Injectable()
export class Push {
  constructor(
    private readonly egress: Egress,
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {}

  async handOver(
    envelope: VerifiedEnvelope,
    facts: DeliveryFacts,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { traceId } = facts.envelope;
    if (facts.endpoint === undefined) return { is: 'again', because: 'endpoint_gone' };
    try {
      const answer = await this.egress.post(facts.endpoint.url, {
        headers: {
          'content-type': 'application/jwt',
          accept: 'application/json',
          'user-agent': 'Sealpost/1',
          // Stable over attempts, so that the recipient can tell a repeat (Standard Webhooks).
          'webhook-id': facts.deliveryId,
          'webhook-timestamp': String(secondsOf(this.clock.now())),
          ...(traceId === undefined ? {} : { traceparent: traceparentOf(traceId) }),
        },
        body: envelope.signed.token,
        timeoutMs: this.settings.ENDPOINT_TIMEOUT_MS,
        poolKey: facts.recipient,
        signal,
      });
      return classifyAnswer(answer, facts.attempt, this.clock.now());
    } catch (error) {
      if (!(error instanceof EgressFault)) throw error;
      if (signal.aborted) return { is: 'interrupted' };
      return { is: 'again', because: error.reason };
    }
  }
}
