import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import { ReceiptBatch, ReceiptResults } from './recipient-receipts.dto.js';
import { TakeReceipt } from './take-receipt.js';

@ApiTags('Receipts')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/receipts')
export class RecipientReceiptsController {
  constructor(private readonly take: TakeReceipt) {}

  /**
   * State what became of envelopes that were delivered to you.
   *
   * Each receipt is signed with your own key and states `verified`, `processed` or `rejected` once of one
   * envelope. Its sender finds it among the envelope's receipts.
   */
  @Post()
  @HttpCode(200)
  @Refuses(
    'validation_failed',
    'unauthorized',
    'forbidden',
    'partner_inactive',
    'too_large',
    'unsupported_media_type',
  )
  async postReceipts(
    @Body() body: ReceiptBatch,
    @FromCaller() caller: Caller,
  ): Promise<ReceiptResults> {
    return { results: await this.take.many(body.receipts, caller.id) };
  }
}
