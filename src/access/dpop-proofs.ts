import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { DPOP_ALGS } from '../crypto/index.js';
import { Refused, type Thumbprint } from '../envelope/index.js';
import { UsedTokens } from '../partners/index.js';
import { Clock, Settings } from '../platform/index.js';
import { type DpopProven, verifyDpop } from '../verify/index.js';

/** DPoP (RFC 9449): that the holder of a key sends this very request, now, and once. */
@Injectable()
export class DpopProofs {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly used: UsedTokens,
  ) {}

  /** Whether nobody gets in without. */
  get required(): boolean {
    return this.settings.DPOP_REQUIRED;
  }

  /** Undefined where there is no proof. Throws Refused for one that does not hold; uses nothing up. */
  async read(request: FastifyRequest, token?: string): Promise<DpopProven | undefined> {
    const { dpop } = request.headers;
    if (dpop === undefined) return undefined;
    return verifyDpop(dpop, {
      method: request.method,
      // By the name that callers know: a Host header would let them choose.
      url: `${this.settings.issuer}${request.url.split('?', 1)[0] ?? ''}`,
      now: this.clock.now(),
      ...(token === undefined ? {} : { token }),
    });
  }

  /** True once for a proof: of any number of requests with it, in any process, one passes. */
  spend({ jkt, jti, until }: DpopProven): Promise<boolean> {
    return this.used.use(`dpop:${jkt}`, jti, until);
  }

  /** Whether the key that the token is bound to made a proof for this request, which is used up now. */
  async holds(request: FastifyRequest, token: string, boundTo: Thumbprint): Promise<boolean> {
    try {
      const proof = await this.read(request, token);
      return proof?.jkt === boundTo && (await this.spend(proof));
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  }
}

/** RFC 9449 section 7.1: what a caller needs to know to do better. */
export function dpopChallenge(error: 'invalid_token' | 'invalid_dpop_proof'): string {
  return `DPoP error="${error}", algs="${DPOP_ALGS.join(' ')}"`;
}
