import { Body, Controller, Header, HttpCode, Post, Req, UseFilters } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Open, Refuses } from '../platform/index.js';
import { IssueToken } from './issue-token.js';
import { OauthErrorFilter } from './oauth-error.filter.js';
import { readTokenRequest } from './token-request.js';
import { AccessToken, TokenForm, TokenRefusal } from './token.dto.js';

/** The OAuth token endpoint. */
@ApiTags('OAuth')
@Open()
@Controller('oauth')
@UseFilters(OauthErrorFilter)
export class TokenController {
  constructor(private readonly issue: IssueToken) {}

  @Post('token')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @Header('pragma', 'no-cache')
  @ApiOperation({ summary: 'An access token for a key (client_credentials by private_key_jwt)' })
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiHeader({
    name: 'DPoP',
    required: false,
    description: 'A proof (RFC 9449) by the key that the token is to be bound to',
  })
  @ApiBody({ type: TokenForm })
  @ApiOkResponse({ type: AccessToken })
  @ApiBadRequestResponse({ type: TokenRefusal })
  @ApiUnauthorizedResponse({ type: TokenRefusal })
  @Refuses('too_large', 'unsupported_media_type')
  issueToken(@Req() request: FastifyRequest, @Body() form: unknown): Promise<AccessToken> {
    return this.issue.run(readTokenRequest(request.headers['content-type'], form), request);
  }
}
