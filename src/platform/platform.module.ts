import { Module } from '@nestjs/common';
import { Budgets, Charges } from './budgets/index.js';
import { Clock, SystemClock } from './clock.js';
import { Settings, settingsFromEnvironment } from './config/index.js';
import { Database } from './database/index.js';
import { Health, HealthController } from './health/index.js';
import { ErrorsController } from './http/index.js';
import { Log } from './log/index.js';
import { Metrics, MetricsController } from './metrics/index.js';
import { Stopping } from './stopping.js';

/** What every step stands on: settings, time, the log, the ledger's database, the news of shutdown. */
@Module({
  controllers: [HealthController, MetricsController, ErrorsController],
  providers: [
    { provide: Settings, useFactory: settingsFromEnvironment },
    { provide: Clock, useClass: SystemClock },
    {
      provide: Log,
      useFactory: (settings: Settings) => new Log(settings.LOG_LEVEL),
      inject: [Settings],
    },
    {
      provide: Database,
      useFactory: (settings: Settings, clock: Clock, log: Log) =>
        Database.open(settings, clock, log),
      inject: [Settings, Clock, Log],
    },
    Stopping,
    Health,
    Metrics,
    Budgets,
    Charges,
  ],
  exports: [Settings, Clock, Log, Database, Stopping, Health, Metrics, Charges],
})
export class PlatformModule {
  constructor(health: Health, database: Database) {
    health.add('ledger', () => database.ping());
  }
}
