import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/index.js';
import { PartnersModule } from '../partners/index.js';
import { PlatformModule } from '../platform/index.js';
import { ReceiptsModule } from '../receipts/index.js';
import { AcceptBatch } from './accept-batch.js';
import { AcceptEnvelope } from './accept-envelope.js';
import { AcceptController } from './accept.controller.js';

/** STEP 1. It cannot reach the queue: the only bridge is the outbox that the ledger writes. */
@Module({
  imports: [PlatformModule, LedgerModule, PartnersModule, ReceiptsModule],
  controllers: [AcceptController],
  providers: [AcceptEnvelope, AcceptBatch],
})
export class AcceptModule {}
