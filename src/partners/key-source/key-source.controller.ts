import { Body, Controller, Delete, Get, HttpCode, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../../platform/index.js';
import { GUARDED } from '../rules.js';
import { KeySourceBody, KeySourceView } from './key-source.dto.js';
import { OwnKeySource } from './own-key-source.js';

@ApiTags('Keys')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/keys')
export class KeySourceController {
  constructor(private readonly source: OwnKeySource) {}

  /**
   * Publishes the caller's keys as a JWK Set at a URL, which is fetched on a schedule.
   *
   * What is gone from the set is retired. A new key in it waits for `POST /v1/keys` with a statement, or
   * for the operator.
   */
  @Put('source')
  @Refuses(...GUARDED, 'validation_failed', 'url_rejected')
  putKeySource(
    @FromCaller() caller: Caller,
    @Body() { jwksUri }: KeySourceBody,
  ): Promise<KeySourceView> {
    return this.source.put(caller, jwksUri);
  }

  /** How the set at the caller's URL stands, and which keys in it wait. */
  @Get('source')
  @Refuses(...GUARDED, 'not_found')
  getKeySource(@FromCaller() caller: Caller): Promise<KeySourceView> {
    return this.source.one(caller);
  }

  /** The URL is fetched no more; keys that came from it stay until they are retired. */
  @Delete('source')
  @HttpCode(204)
  @Refuses(...GUARDED, 'not_found')
  deleteKeySource(@FromCaller() caller: Caller): Promise<void> {
    return this.source.remove(caller);
  }

  /** Has the set fetched now, at most once a minute. */
  @Post('refresh')
  @HttpCode(202)
  @Refuses(...GUARDED, 'not_found')
  refreshKeys(@FromCaller() caller: Caller): Promise<KeySourceView> {
    return this.source.refresh(caller);
  }
}
