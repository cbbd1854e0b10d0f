import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { LedgerModule } from '../ledger/index.js';
import { Database, Log, PlatformModule, Settings } from '../platform/index.js';
import { AttemptQueue } from './attempt-queue.js';
import { openEngine } from './engine.js';
import { Relay, RelayParts } from './relay.js';

/** Closes the queue's connections before the ledger's, which the PostgreSQL engine stands on. */
@Injectable()
class QueueCloser implements OnApplicationShutdown {
  constructor(private readonly queue: AttemptQueue) {}

  async onApplicationShutdown(): Promise<void> {
    await this.queue.close();
  }
}

/** STEP 4: outbox to BullMQ to handler. */
@Module({
  imports: [PlatformModule, LedgerModule],
  providers: [
    {
      provide: AttemptQueue,
      useFactory: (settings: Settings, database: Database, log: Log) =>
        new AttemptQueue(openEngine(settings, database, log), log),
      inject: [Settings, Database, Log],
    },
    RelayParts,
    Relay,
    QueueCloser,
  ],
  exports: [AttemptQueue, Relay],
})
export class QueueModule {}
