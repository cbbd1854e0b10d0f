import { Injectable } from '@nestjs/common';
import type { Scope } from '../platform/index.js';
import { AccessTokens, scopeOf, TOKEN_SECONDS } from './access-tokens.js';
import { ClientAssertions } from './client-assertions.js';
import { OauthError } from './oauth-error.js';
import type { AccessToken } from './token.dto.js';
import type { TokenRequest } from './token-request.js';

/** The client credentials grant (RFC 6749 section 4.4). */
@Injectable()
export class IssueToken {
  constructor(
    private readonly assertions: ClientAssertions,
    private readonly tokens: AccessTokens,
  ) {}

  /** Throws OauthError; a refused request uses no assertion up. */
  async run(request: TokenRequest): Promise<AccessToken> {
    const client = await this.assertions.verify(request.assertion, request.clientId);
    const scope = scopeOf(client.id);
    checkScope(request.scope, scope);
    await this.assertions.spend(client);
    const token = await this.tokens.issue({ id: client.id, jkt: client.jkt, scope });
    return { access_token: token, token_type: 'Bearer', expires_in: TOKEN_SECONDS, scope };
  }
}

function checkScope(asked: string | undefined, scope: Scope): void {
  if (asked === undefined) return;
  if (asked.split(' ').some((one) => one !== scope))
    throw new OauthError('invalid_scope', `The scope of this client is ${scope}`);
}
