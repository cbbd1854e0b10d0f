import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { partnerId } from '../../envelope/index.js';
import { type Caller, FromCaller, Refuses, Scopes } from '../../platform/index.js';
import { KeyView } from '../keys.dto.js';
import { GUARDED } from '../rules.js';
import { ApproveKeyBody, PendingKeysView } from './key-source.dto.js';
import { PendingKeys } from './pending-keys.js';

@ApiTags('Operator')
@ApiBearerAuth('token')
@Scopes('operator')
@Controller('v1/partners/:id/pending-keys')
export class PendingKeysController {
  constructor(private readonly pending: PendingKeys) {}

  /** Keys that were seen in the set at the partner's URL and are not its own yet. */
  @Get()
  @Refuses(...GUARDED, 'not_found')
  async listPendingKeys(@Param('id') id: string): Promise<PendingKeysView> {
    return { items: await this.pending.list(partnerId(id, 'id', 'not_found')) };
  }

  /** Makes it a key of the partner, in place of a statement by an active key. */
  @Post(':kid/approve')
  @HttpCode(200)
  @Refuses(...GUARDED, 'validation_failed', 'not_found', 'key_rejected')
  approvePendingKey(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
    @Param('kid') kid: string,
    @Body() { jkt }: ApproveKeyBody,
  ): Promise<KeyView> {
    return this.pending.approve(caller, partnerId(id, 'id', 'not_found'), kid, jkt);
  }
}
