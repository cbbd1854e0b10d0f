import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ExchangeKeysModule } from '../exchange-keys/index.js';
import { PartnersModule } from '../partners/index.js';
import { PlatformModule } from '../platform/index.js';
import { AccessTokens } from './access-tokens.js';
import { AccessGuard } from './access.guard.js';
import { ClientAssertions } from './client-assertions.js';
import { DpopProofs } from './dpop-proofs.js';
import { IssueToken } from './issue-token.js';
import { TokenController } from './token.controller.js';

/** Who may call: the token endpoint, and the guard before every route of the application. */
@Module({
  imports: [PlatformModule, ExchangeKeysModule, PartnersModule],
  providers: [
    AccessTokens,
    ClientAssertions,
    DpopProofs,
    IssueToken,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  controllers: [TokenController],
})
export class AccessModule {}
