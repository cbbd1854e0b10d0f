import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../../envelope/index.js';
import { Settings } from '../config/index.js';
import { hasSignedBody } from '../http/adapter.js';
import { callerOf } from '../http/caller.js';
import { isOpsPath } from '../http/ops-port.js';
import { type BudgetKind, Budgets } from './budgets.js';
import { networkOf } from './network.js';

/** Charges requests to budgets and says in the answer what is left of them. */
@Injectable()
export class Charges {
  constructor(private readonly budgets: Budgets) {}

  /** The address pays before anything of the request is looked at. */
  toAddress(request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
    return this.#charge(reply, 'address', networkOf(request.ip));
  }

  /** MUST be called only for a partner that has shown who it is: nobody spends another's budget. */
  toPartner(
    request: FastifyRequest,
    reply: FastifyReply,
    partner: string,
  ): Promise<void> | undefined {
    return this.#charge(reply, 'partner', partner, networkOf(request.ip));
  }

  #charge(
    reply: FastifyReply,
    kind: BudgetKind,
    who: string,
    address?: string,
  ): Promise<void> | undefined {
    const tell = (): void => {
      const { budgets } = this;
      const [policy, limit] = [budgets.policy(kind), budgets.limit(kind, who)];
      const more = address !== undefined;
      reply.header('ratelimit-policy', more ? `${budgets.policy('address')}, ${policy}` : policy);
      reply.header('ratelimit', more ? `${budgets.limit('address', address)}, ${limit}` : limit);
    };
    try {
      const later = this.budgets.spend(kind, who, 1);
      if (later !== undefined) return later.finally(tell);
    } catch (error) {
      tell();
      throw error;
    }
    tell();
    return undefined;
  }
}

/** Charges each request to its address at once, and to its caller when the guard knows who that is. */
export function chargeCallers(app: NestFastifyApplication): void {
  const charges = app.get(Charges);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', async (request, reply) => {
    if (!isOpsPath(request)) await charges.toAddress(request, reply);
  });
  boundUnverified(app);
  app.useGlobalInterceptors(new ChargeCaller(charges));
}

/**
 * The process's own budget: only so many requests at once may have their signature verified for the first
 * time. Counted once a body has arrived, so that a slow one holds no place.
 */
function boundUnverified(app: NestFastifyApplication): void {
  const { UNVERIFIED_IN_FLIGHT } = app.get(Settings);
  const fastify = app.getHttpAdapter().getInstance();
  const counted = new WeakSet<FastifyRequest>();
  let inFlight = 0;
  fastify.addHook('preHandler', async (request) => {
    if (!isUnverified(request)) return;
    if (inFlight >= UNVERIFIED_IN_FLIGHT)
      throw new Refused('unavailable', 'too many unverified requests at once');
    inFlight++;
    counted.add(request);
  });
  fastify.addHook('onResponse', async (request) => {
    if (counted.delete(request)) inFlight--;
  });
}

const UNVERIFIED = new Set(['/oauth/token', '/v1/partners']);

function isUnverified(request: FastifyRequest): boolean {
  if (request.method !== 'POST') return false;
  return hasSignedBody(request) || UNVERIFIED.has(request.routeOptions.url ?? '');
}

/** A pending registration has no id of its own, so it has no budget either: its address pays. */
class ChargeCaller implements NestInterceptor {
  constructor(private readonly charges: Charges) {}

  async intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Promise<ReturnType<CallHandler['handle']>> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const caller = callerOf(request);
    if (caller?.scope === 'partner' && caller.status !== 'pending')
      await this.charges.toPartner(request, http.getResponse<FastifyReply>(), caller.id);
    return next.handle();
  }
}
