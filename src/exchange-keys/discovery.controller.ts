import { Controller, Get, Header, Param } from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Refused } from '../envelope/index.js';
import { Open, Refuses, Settings } from '../platform/index.js';
import { describeAuthorizationServer, describeExchange } from './describe-exchange.js';
import { AuthorizationServer, ExchangeDescription, ExchangeJwks } from './discovery.dto.js';
import { ExchangeKeys } from './exchange-keys.js';

const CACHE = 'public, max-age=60';

/** What anybody may know of the exchange. */
@ApiTags('Well-known')
@ApiExtraModels(ExchangeJwks)
@Open()
@Controller('.well-known')
export class DiscoveryController {
  constructor(
    private readonly settings: Settings,
    private readonly keys: ExchangeKeys,
  ) {}

  @Get('jwks.json')
  @Header('content-type', 'application/jwk-set+json')
  @Header('cache-control', CACHE)
  @ApiOperation({ summary: 'All public keys the exchange ever signed with' })
  @ApiOkResponse({
    content: { 'application/jwk-set+json': { schema: { $ref: getSchemaPath(ExchangeJwks) } } },
  })
  @Refuses()
  getExchangeJwks(): Promise<ExchangeJwks> {
    return this.keys.published();
  }

  @Get('sealpost')
  @Header('cache-control', CACHE)
  @ApiOperation({ summary: 'Name, endpoints, algorithms and limits of the exchange' })
  @ApiOkResponse({ type: ExchangeDescription })
  @Refuses()
  getExchange(): ExchangeDescription {
    return describeExchange(this.settings);
  }

  @Get('oauth-authorization-server')
  @Header('cache-control', CACHE)
  @ApiOperation({ summary: 'OAuth authorization server metadata (RFC 8414)' })
  @ApiOkResponse({ type: AuthorizationServer })
  @Refuses()
  getAuthorizationServer(): AuthorizationServer {
    return describeAuthorizationServer(this.settings);
  }

  /** RFC 8414 section 3.1: an issuer with a path has it after the well-known part. */
  @Get('oauth-authorization-server/*')
  @Header('cache-control', CACHE)
  @ApiExcludeEndpoint()
  getAuthorizationServerOfPath(@Param('*') path: string): AuthorizationServer {
    const { pathname } = new URL(this.settings.issuer);
    if (pathname !== `/${path}`) throw new Refused('not_found');
    return describeAuthorizationServer(this.settings);
  }
}
