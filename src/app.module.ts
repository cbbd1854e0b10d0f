import { type DynamicModule, Module } from '@nestjs/common';
import { AcceptModule } from './accept/index.js';
import { AccessModule } from './access/index.js';
import { InboxModule, WebhookModule } from './deliver/index.js';
import { DiscoveryModule, ExchangeKeysModule } from './exchange-keys/index.js';
import { PartnersModule } from './partners/index.js';
import { PlatformModule, type Role } from './platform/index.js';
import { ReceiptsModule } from './receipts/index.js';

/** What partners and the operator call. */
const API = [DiscoveryModule, PartnersModule, AcceptModule, InboxModule, ReceiptsModule];
/** What runs by itself: relay, pushes, sweeps. */
const WORKER = [WebhookModule];

/** The service with the roles asked for. The guard is always there: what is not allowed is closed. */
@Module({})
export class AppModule {
  static forRoles(roles: readonly Role[]): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule,
        AccessModule,
        ExchangeKeysModule,
        ...(roles.includes('api') ? API : []),
        ...(roles.includes('worker') ? WORKER : []),
      ],
    };
  }
}
