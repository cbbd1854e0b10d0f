import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import {
  EndpointBody,
  EndpointPage,
  EndpointPatch,
  EndpointView,
  VerifyBody,
} from './endpoints.dto.js';
import { OwnEndpoints } from './own-endpoints.js';
import { PageQuery } from './page.dto.js';
import { GUARDED } from './rules.js';

@ApiTags('Endpoints')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/endpoints')
export class EndpointsController {
  constructor(private readonly endpoints: OwnEndpoints) {}

  /** Adds a webhook. The exchange sends a challenge there; until it comes back, nothing else goes there. */
  @Post()
  @Refuses(...GUARDED, 'validation_failed', 'url_rejected', 'conflict')
  createEndpoint(@FromCaller() caller: Caller, @Body() body: EndpointBody): Promise<EndpointView> {
    return this.endpoints.create(caller, body);
  }

  /** The caller's endpoints, oldest first. */
  @Get()
  @Refuses(...GUARDED, 'validation_failed')
  listEndpoints(@FromCaller() caller: Caller, @Query() page: PageQuery): Promise<EndpointPage> {
    return this.endpoints.list(caller, page);
  }

  /** One endpoint of the caller. */
  @Get(':id')
  @Refuses(...GUARDED, 'not_found')
  getEndpoint(@FromCaller() caller: Caller, @Param('id') id: string): Promise<EndpointView> {
    return this.endpoints.one(caller, id);
  }

  /** Changes what is named. Another URL is unverified, and a new challenge goes there. */
  @Patch(':id')
  @Refuses(...GUARDED, 'validation_failed', 'not_found', 'url_rejected')
  changeEndpoint(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: EndpointPatch,
  ): Promise<EndpointView> {
    return this.endpoints.patch(caller, id, body);
  }

  /** What waits for it goes to the inbox. */
  @Delete(':id')
  @HttpCode(204)
  @Refuses(...GUARDED, 'not_found')
  deleteEndpoint(@FromCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    return this.endpoints.delete(caller, id);
  }

  /** Shows with the challenge that the URL is the caller's; without one another verification is sent. */
  @Post(':id/verify')
  @ApiBody({ type: VerifyBody, required: false })
  @HttpCode(200)
  @Refuses(...GUARDED, 'validation_failed', 'not_found', 'conflict')
  verifyEndpoint(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: VerifyBody,
  ): Promise<EndpointView> {
    return this.endpoints.verify(caller, id, body.challenge);
  }

  /** Takes a disabled endpoint into service again; what waits for it goes on. Idempotent. */
  @Post(':id/enable')
  @HttpCode(200)
  @Refuses(...GUARDED, 'not_found', 'conflict')
  enableEndpoint(@FromCaller() caller: Caller, @Param('id') id: string): Promise<EndpointView> {
    return this.endpoints.enable(caller, id);
  }
}
