import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import { GrantBody, GrantPage, GrantView } from './grants.dto.js';
import { OwnGrants } from './own-grants.js';
import { PageQuery } from './page.dto.js';
import { GUARDED } from './rules.js';

@ApiTags('Grants')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/grants')
export class GrantsController {
  constructor(private readonly grants: OwnGrants) {}

  /** Lets a sender send these types and no others. The sender need not exist yet. */
  @Put(':sender')
  @Refuses(...GUARDED, 'validation_failed', 'conflict')
  putGrant(
    @FromCaller() caller: Caller,
    @Param('sender') sender: string,
    @Body() body: GrantBody,
  ): Promise<GrantView> {
    return this.grants.put(caller, sender, body);
  }

  /** The caller's grants, by sender. */
  @Get()
  @Refuses(...GUARDED, 'validation_failed')
  listGrants(@FromCaller() caller: Caller, @Query() page: PageQuery): Promise<GrantPage> {
    return this.grants.list(caller, page);
  }

  /** What this sender may send to the caller. */
  @Get(':sender')
  @Refuses(...GUARDED, 'not_found')
  getGrant(@FromCaller() caller: Caller, @Param('sender') sender: string): Promise<GrantView> {
    return this.grants.one(caller, sender);
  }

  /** Once answered, nothing of this sender is accepted or begins to be delivered. */
  @Delete(':sender')
  @HttpCode(204)
  @Refuses(...GUARDED, 'not_found')
  deleteGrant(@FromCaller() caller: Caller, @Param('sender') sender: string): Promise<void> {
    return this.grants.withdraw(caller, sender);
  }
}
