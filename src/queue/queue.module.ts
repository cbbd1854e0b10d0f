import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { LedgerModule } from '../ledger/index.js';
import { Database, Health, Log, PlatformModule, Settings } from '../platform/index.js';
import { AttemptQueue } from './attempt-queue.js';
import { openEngine } from './engine.js';
import { Relay, RelayParts } from './relay.js';

/** Says whether the queue is usable, and closes it at shutdown. */
@Injectable()
class QueueUse implements OnApplicationShutdown {
  constructor(
    private readonly queue: AttemptQueue,
    health: Health,
  ) {
    health.add('queue', () => queue.ping());
  }

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
    QueueUse,
  ],
  exports: [AttemptQueue, Relay],
})
export class QueueModule {}
