import { Injectable } from '@nestjs/common';
import { Refused } from '../envelope/index.js';
import { isUnavailable, Log, Metrics } from '../platform/index.js';
import { type Accepted, AcceptEnvelope, type Brought } from './accept-envelope.js';
import type { AcceptedView, BatchResult } from './accept.dto.js';

/** The request that envelopes came with. */
export interface Bringing extends Brought {
  readonly requestId: string;
}

/** One envelope or many, each with its wide line, each answered for itself. */
@Injectable()
export class AcceptBatch {
  constructor(
    private readonly accept: AcceptEnvelope,
    private readonly log: Log,
    private readonly metrics: Metrics,
  ) {}

  /** Throws Refused. */
  async one(token: unknown, request: Bringing): Promise<AcceptedView> {
    const { id, iss, jti, receipt } = await this.#accept(token, request);
    return { id, iss, jti, state: 'accepted', receipt };
  }

  /** Side by side: the ledger writes them together. Never throws for one envelope's sake. */
  many(tokens: readonly string[], request: Bringing): Promise<BatchResult[]> {
    return Promise.all(
      tokens.map(async (token) => {
        try {
          const { id, jti, receipt } = await this.#accept(token, request);
          return { status: 202, id, jti, receipt };
        } catch (error) {
          const { status, code, detail, members } = this.#refusalOf(error, request);
          return { ...members, status, code, ...(detail === undefined ? {} : { detail }) };
        }
      }),
    );
  }

  async #accept(token: unknown, request: Bringing): Promise<Accepted> {
    const began = performance.now();
    const { requestId, traceId } = request;
    const line: Record<string, unknown> = { requestId, traceId };
    let event = 'envelope.refused';
    try {
      const accepted = await this.accept.run(token, request);
      (accepted.repeated ? this.metrics.repeated : this.metrics.accepted).inc();
      event = accepted.repeated ? 'envelope.repeated' : 'envelope.accepted';
      line['envelopeId'] = accepted.id;
      line['iss'] = accepted.iss;
      return accepted;
    } catch (error) {
      const code = error instanceof Refused ? error.code : 'internal';
      this.metrics.refuse(code);
      line['code'] = code;
      throw error;
    } finally {
      const tookMs = performance.now() - began;
      this.metrics.acceptSeconds.observe(tookMs / 1000);
      this.log.step(event, { ...line, tookMs: Math.round(tookMs * 10) / 10 });
    }
  }

  #refusalOf(error: unknown, { requestId }: Bringing): Refused {
    if (error instanceof Refused) return error;
    this.log.broken('accept.broken', error, { requestId });
    return new Refused(isUnavailable(error) ? 'unavailable' : 'internal');
  }
}
