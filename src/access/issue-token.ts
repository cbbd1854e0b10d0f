import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Refused } from '../envelope/index.js';
import type { Scope } from '../platform/index.js';
import { AccessTokens, scopeOf, TOKEN_SECONDS } from './access-tokens.js';
import { type Client, ClientAssertions } from './client-assertions.js';
import { DpopProofs } from './dpop-proofs.js';
import { OauthError } from './oauth-error.js';
import type { DpopProven } from '../verify/index.js';
import type { AccessToken } from './token.dto.js';
import type { TokenRequest } from './token-request.js';

/** The client credentials grant (RFC 6749 section 4.4). */
@Injectable()
export class IssueToken {
  constructor(
    private readonly assertions: ClientAssertions,
    private readonly tokens: AccessTokens,
    private readonly dpop: DpopProofs,
  ) {}

  /** Throws OauthError; a refused request uses no assertion up. */
  async run(request: TokenRequest, http: FastifyRequest): Promise<AccessToken> {
    const client = await this.assertions.verify(request.assertion, request.clientId);
    const scope = scopeOf(client.id);
    checkScope(request.scope, scope);
    const proof = await this.#proofOf(client, http);
    await this.assertions.spend(client);
    if (proof !== undefined && !(await this.dpop.spend(proof))) throw proofRefused();
    const token = await this.tokens.issue({
      id: client.id,
      jkt: client.jkt,
      scope,
      ...(proof === undefined ? {} : { boundTo: proof.jkt }),
    });
    const type = proof === undefined ? 'Bearer' : 'DPoP';
    return { access_token: token, token_type: type, expires_in: TOKEN_SECONDS, scope };
  }

  async #proofOf(client: Client, http: FastifyRequest): Promise<DpopProven | undefined> {
    const proof = await this.dpop.read(http).catch((error: unknown) => {
      throw error instanceof Refused ? proofRefused() : error;
    });
    if (proof === undefined && (client.dpopRequired || this.dpop.required))
      throw new OauthError('invalid_dpop_proof', 'A DPoP proof is required');
    return proof;
  }
}

function proofRefused(): OauthError {
  return new OauthError('invalid_dpop_proof', 'The DPoP proof does not hold');
}

function checkScope(asked: string | undefined, scope: Scope): void {
  if (asked === undefined) return;
  if (asked.split(' ').some((one) => one !== scope))
    throw new OauthError('invalid_scope', `The scope of this client is ${scope}`);
}
