import { Controller, Delete, HttpCode, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Refused } from '../envelope/index.js';
import { ErasuresStore } from '../ledger/index.js';
import { type Caller, Clock, FromCaller, isUuid, Log, Refuses, Scopes } from '../platform/index.js';

/** What an envelope said goes; that there was one stays. */
@ApiTags('Envelopes')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/envelopes')
export class ErasureController {
  constructor(
    private readonly erasures: ErasuresStore,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Erase the content of an envelope.
   *
   * Its sender and its recipient may, once every delivery has ended. Digest, timeline and receipts stay.
   */
  @Delete(':id/content')
  @HttpCode(204)
  @Refuses('unauthorized', 'forbidden', 'partner_inactive', 'not_found', 'conflict', 'rate_limited')
  async eraseContent(@Param('id') id: string, @FromCaller() caller: Caller): Promise<void> {
    const erased = isUuid(id)
      ? await this.erasures.erase(id, caller.id, this.clock.now())
      : 'not_found';
    if (erased === 'not_found') throw new Refused('not_found');
    if (erased === 'under_way') throw new Refused('conflict', 'a delivery of it has not ended');
    this.log.step('envelope.erased', { envelopeId: id, by: caller.id });
  }
}
