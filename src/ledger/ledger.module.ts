import { Module } from '@nestjs/common';
import { Clock, Database, Metrics, PlatformModule, Settings } from '../platform/index.js';
import { AcceptancesStore } from './acceptances.store.js';
import { DeliveriesStore } from './deliveries.store.js';
import { ErasuresStore } from './erasures.store.js';
import { OpenDeliveries } from './open-deliveries.store.js';
import { OutboxStore } from './outbox.store.js';
import { OutcomesStore } from './outcomes.store.js';
import { PairQuota } from './pair-quota.store.js';
import { TimelineStore } from './timeline.store.js';

/** STEP 3: the only writer of envelope and delivery state; owns the outbox. */
@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: AcceptancesStore,
      useFactory: ({ db }: Database, settings: Settings) =>
        new AcceptancesStore(
          db,
          new PairQuota(db, {
            count: settings.PAIR_WAITING_COUNT,
            bytes: settings.PAIR_WAITING_BYTES,
          }),
        ),
      inject: [Database, Settings],
    },
    {
      provide: DeliveriesStore,
      useFactory: ({ db }: Database) => new DeliveriesStore(db),
      inject: [Database],
    },
    {
      provide: OutboxStore,
      useFactory: ({ db }: Database) => new OutboxStore(db),
      inject: [Database],
    },
    {
      provide: OutcomesStore,
      useFactory: ({ db }: Database, { issuer }: Settings) => new OutcomesStore(db, issuer),
      inject: [Database, Settings],
    },
    {
      provide: ErasuresStore,
      useFactory: ({ db }: Database) => new ErasuresStore(db),
      inject: [Database],
    },
    {
      provide: TimelineStore,
      useFactory: ({ db }: Database) => new TimelineStore(db),
      inject: [Database],
    },
  ],
  exports: [
    AcceptancesStore,
    DeliveriesStore,
    ErasuresStore,
    OutboxStore,
    OutcomesStore,
    TimelineStore,
  ],
})
export class LedgerModule {
  constructor(metrics: Metrics, { db }: Database, clock: Clock) {
    const open = new OpenDeliveries(db, clock);
    metrics.gaugeByState('sealpost_deliveries_open', 'Deliveries that have not ended', () =>
      open.byState(),
    );
    metrics.gauge(
      'sealpost_oldest_open_delivery_seconds',
      'Age of the oldest delivery that has not ended',
      () => open.oldestSeconds(),
    );
  }
}
