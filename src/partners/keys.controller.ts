import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import { KeyBody, KeyPage, KeyView, RevokeBody } from './keys.dto.js';
import { OwnKeys } from './own-keys.js';
import { PageQuery } from './page.dto.js';
import { GUARDED } from './rules.js';

@ApiTags('Keys')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/keys')
export class KeysController {
  constructor(private readonly keys: OwnKeys) {}

  /** Adds a key: a sig key with its proof and a statement, an enc key with a statement. */
  @Post()
  @Refuses(...GUARDED, 'validation_failed', 'key_rejected', 'proof_invalid', 'conflict')
  addKey(@FromCaller() caller: Caller, @Body() body: KeyBody): Promise<KeyView> {
    return this.keys.add(caller, body);
  }

  /** All keys the partner ever had, by `kid`. */
  @Get()
  @Refuses(...GUARDED, 'validation_failed')
  listKeys(@FromCaller() caller: Caller, @Query() page: PageQuery): Promise<KeyPage> {
    return this.keys.list(caller, page);
  }

  /** The key signs, or is sealed to, no more; what it signed still holds. Idempotent. */
  @Post(':kid/retire')
  @HttpCode(200)
  @Refuses(...GUARDED, 'not_found', 'conflict')
  retireKey(@FromCaller() caller: Caller, @Param('kid') kid: string): Promise<KeyView> {
    return this.keys.retire(caller, kid);
  }

  /** Once answered, nothing this key signed is accepted or begins to be delivered. Idempotent, final. */
  @Post(':kid/revoke')
  @ApiBody({ type: RevokeBody, required: false })
  @HttpCode(200)
  @Refuses(...GUARDED, 'validation_failed', 'not_found')
  revokeKey(
    @FromCaller() caller: Caller,
    @Param('kid') kid: string,
    @Body() body: RevokeBody,
  ): Promise<KeyView> {
    return this.keys.revoke(caller, kid, body);
  }
}
