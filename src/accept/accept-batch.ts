import { Injectable } from '@nestjs/common';
import { type PartnerId, Refused } from '../envelope/index.js';
import { isUnavailable, Log } from '../platform/index.js';
import { type Accepted, AcceptEnvelope } from './accept-envelope.js';
import type { AcceptedView, BatchResult } from './accept.dto.js';

/** One envelope or many, each with its wide line, each answered for itself. */
@Injectable()
export class AcceptBatch {
  constructor(
    private readonly accept: AcceptEnvelope,
    private readonly log: Log,
  ) {}

  /** Throws Refused. */
  async one(token: unknown, requestId: string): Promise<AcceptedView> {
    const { id, iss, jti, receipt } = await this.#accept(token, requestId);
    return { id, iss, jti, state: 'accepted', receipt };
  }

  /** Side by side: the ledger writes them together. Never throws for one envelope's sake. */
  many(tokens: readonly string[], by: PartnerId, requestId: string): Promise<BatchResult[]> {
    return Promise.all(
      tokens.map(async (token) => {
        try {
          const { id, jti, receipt } = await this.#accept(token, requestId, by);
          return { status: 202, id, jti, receipt };
        } catch (error) {
          const { status, code, detail } = this.#refusalOf(error, requestId);
          return { status, code, ...(detail === undefined ? {} : { detail }) };
        }
      }),
    );
  }

  async #accept(token: unknown, requestId: string, by?: PartnerId): Promise<Accepted> {
    const began = performance.now();
    const line: Record<string, unknown> = { requestId };
    let event = 'envelope.refused';
    try {
      const accepted = await this.accept.run(token, by);
      event = accepted.repeated ? 'envelope.repeated' : 'envelope.accepted';
      line['envelopeId'] = accepted.id;
      line['iss'] = accepted.iss;
      return accepted;
    } catch (error) {
      line['code'] = error instanceof Refused ? error.code : 'internal';
      throw error;
    } finally {
      this.log.step(event, { ...line, tookMs: Math.round((performance.now() - began) * 10) / 10 });
    }
  }

  #refusalOf(error: unknown, requestId: string): Refused {
    if (error instanceof Refused) return error;
    this.log.broken('accept.broken', error, { requestId });
    return new Refused(isUnavailable(error) ? 'unavailable' : 'internal');
  }
}
