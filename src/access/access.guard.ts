import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refused } from '../envelope/index.js';
import { OperatorKeys } from '../exchange-keys/index.js';
import { PartnerStanding } from '../partners/index.js';
import { ACCESS, type Access, type Caller, hasSignedBody, setCaller } from '../platform/index.js';
import { AccessTokens, type Bearer, MAX_TOKEN_BYTES } from './access-tokens.js';
import { dpopChallenge, DpopProofs } from './dpop-proofs.js';

const SCHEME = /^(Bearer|DPoP) (.+)$/;

/**
 * The one guard, before every route: a route says by decorator who may call it, and a route that
 * says nothing is closed.
 *
 * Partner and authenticating key are looked up on every request: a token is no longer good than they.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: AccessTokens,
    private readonly partners: PartnerStanding,
    private readonly operators: OperatorKeys,
    private readonly dpop: DpopProofs,
  ) {}

  /** True or Refused, never false: Nest would make an answer of its own out of that. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.#accessTo(context);
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (isOpen(access, request)) return true;
    if (access.unlessSigned === true && hasSignedBody(request)) return true;
    const bearer = await this.#bearerOf(context);
    if (access.scopes?.includes(bearer.scope) !== true) throw new Refused('forbidden');
    const status = await this.#standingOf(bearer);
    if (status !== 'active' && access.inactive !== true) throw new Refused('partner_inactive');
    setCaller(request, { id: bearer.id, jkt: bearer.jkt, scope: bearer.scope, status });
    return true;
  }

  /** A token that is bound to a key is good with a proof by that key alone, and no other with any. */
  async #bearerOf(context: ExecutionContext): Promise<Bearer> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const { scheme, token } = credentialsOf(request);
    const bearer = await this.tokens.verify(token);
    const { boundTo } = bearer;
    if (boundTo === undefined && scheme === 'Bearer' && !this.dpop.required) return bearer;
    const reply = http.getResponse<FastifyReply>();
    if (boundTo === undefined || scheme === 'Bearer') throw refusedDpop(reply, 'invalid_token');
    if (!(await this.dpop.holds(request, token, boundTo)))
      throw refusedDpop(reply, 'invalid_dpop_proof');
    return bearer;
  }

  #accessTo(context: ExecutionContext): Access {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined || context.getType() !== 'http') throw new Refused('forbidden');
    return access;
  }

  async #standingOf({ id, jkt, scope }: Bearer): Promise<Caller['status']> {
    const status =
      scope === 'operator' ? this.operators.has(jkt) && 'active' : await this.partners.of(id, jkt);
    if (status === undefined || status === false) throw new Refused('unauthorized');
    return status;
  }
}

function refusedDpop(reply: FastifyReply, error: Parameters<typeof dpopChallenge>[0]): Refused {
  void reply.header('www-authenticate', dpopChallenge(error));
  return new Refused('unauthorized');
}

function isOpen(access: Access, request: FastifyRequest): boolean {
  return access.open === true || (access.unlessSigned === true && hasSignedBody(request));
}

interface Credentials {
  readonly scheme: string;
  readonly token: string;
}

/** The one documented place: never a query parameter, a cookie or a body. */
function credentialsOf({ raw }: FastifyRequest): Credentials {
  // Not `headers`: Node keeps the first of two Authorization headers there and drops the other.
  const given = raw.rawHeaders.filter(
    (_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === 'authorization',
  );
  const [header = ''] = given;
  const [, scheme, token] = header.length <= MAX_TOKEN_BYTES ? (SCHEME.exec(header) ?? []) : [];
  if (given.length !== 1 || scheme === undefined || token === undefined)
    throw new Refused('unauthorized');
  return { scheme, token };
}
