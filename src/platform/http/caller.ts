import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Broken, type PartnerId, type Thumbprint } from '../../envelope/index.js';

export type Scope = 'partner' | 'operator';

/** Who calls, as the guard established it on this request. */
export interface Caller {
  readonly scope: Scope;
  /** The partner's id, or `operator`. */
  readonly id: PartnerId;
  /** Thumbprint of the key that authenticated. */
  readonly jkt: Thumbprint;
  /** A partner that is not active may only look at its own status. */
  readonly status: 'active' | 'pending' | 'suspended';
}

export interface Access {
  /** No credential, or one that the step itself verifies. */
  readonly open?: true;
  /** A compact JWT as body is verified as the credential itself; for other bodies `scopes` hold. */
  readonly unlessSigned?: true;
  readonly scopes?: readonly Scope[];
  /** Lets a pending or suspended partner in. */
  readonly inactive?: true;
}

export const ACCESS = 'sealpost:access';

/** Anybody may call this route. A route without any of these decorators is closed to all. */
export const Open = (): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, { open: true } satisfies Access);

/** Only callers with one of these scopes may call this route. */
export const Scopes = (...scopes: Scope[]): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, { scopes } satisfies Access);

/** As Scopes; a partner that is pending or suspended may call it too. */
export const ScopesEvenInactive = (...scopes: Scope[]): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, { scopes, inactive: true } satisfies Access);

/** As Scopes; but a compact JWT as body is the credential itself. */
export const ScopesUnlessSigned = (...scopes: Scope[]): MethodDecorator & ClassDecorator =>
  SetMetadata(ACCESS, { unlessSigned: true, scopes } satisfies Access);

const CALLERS = new WeakMap<object, Caller>();

/** For the guard alone. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  CALLERS.set(request.raw, caller);
}

/** The caller, or undefined where the body itself was the credential. */
export function callerOf(request: FastifyRequest): Caller | undefined {
  return CALLERS.get(request.raw);
}

/** The caller as the guard established it. */
export const FromCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = CALLERS.get(context.switchToHttp().getRequest<FastifyRequest>().raw);
  if (caller === undefined) throw new Broken('a route without a scope asked for its caller');
  return caller;
});
