import { Module } from '@nestjs/common';
import { Clock, Database, Health, Log, PlatformModule, Settings } from '../platform/index.js';
import { DiscoveryController } from './discovery.controller.js';
import { ExchangeKeys } from './exchange-keys.js';
import { OperatorKeys } from './operator-keys.js';

/** The exchange's own keys and the operator's, without HTTP: what workers need. */
@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: ExchangeKeys,
      useFactory: ExchangeKeys.open,
      inject: [Settings, Database, Clock, Log],
    },
    { provide: OperatorKeys, useFactory: OperatorKeys.open, inject: [Settings, Log] },
  ],
  exports: [ExchangeKeys, OperatorKeys],
})
export class ExchangeKeysModule {
  constructor(health: Health, keys: ExchangeKeys) {
    health.add('keys', () => keys.selfTest());
  }
}

/** Publishes the keys and describes the exchange over HTTP. */
@Module({
  imports: [PlatformModule, ExchangeKeysModule],
  controllers: [DiscoveryController],
})
export class DiscoveryModule {}
