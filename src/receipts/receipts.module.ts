import { Module } from '@nestjs/common';
import { ExchangeKeysModule } from '../exchange-keys/index.js';
import { LedgerModule } from '../ledger/index.js';
import { PartnersModule } from '../partners/index.js';
import { PlatformModule } from '../platform/index.js';
import { ErasureController } from './erasure.controller.js';
import { Receipts } from './receipts.js';
import { RecipientReceiptsController } from './recipient-receipts.controller.js';
import { RecipientReceiptsStore } from './recipient-receipts.store.js';
import { TakeReceipt } from './take-receipt.js';
import { TimelineController } from './timeline.controller.js';

/** STEP 7: what the exchange signs about envelopes and deliveries. */
@Module({
  imports: [PlatformModule, ExchangeKeysModule, LedgerModule, PartnersModule],
  controllers: [TimelineController, ErasureController, RecipientReceiptsController],
  providers: [Receipts, RecipientReceiptsStore, TakeReceipt],
  exports: [Receipts],
})
export class ReceiptsModule {}
