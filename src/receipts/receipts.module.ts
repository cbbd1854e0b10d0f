import { Module } from '@nestjs/common';
import { ExchangeKeysModule } from '../exchange-keys/index.js';
import { LedgerModule } from '../ledger/index.js';
import { PlatformModule } from '../platform/index.js';
import { Receipts } from './receipts.js';
import { TimelineController } from './timeline.controller.js';

/** STEP 7: what the exchange signs about envelopes and deliveries. */
@Module({
  imports: [PlatformModule, ExchangeKeysModule, LedgerModule],
  controllers: [TimelineController],
  providers: [Receipts],
  exports: [Receipts],
})
export class ReceiptsModule {}
