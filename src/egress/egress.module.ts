import { Module } from '@nestjs/common';
import { PlatformModule, Settings } from '../platform/index.js';
import { Egress } from './egress.js';

/** The one guard for every URL a partner gives, with the rules of this process. */
@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: Egress,
      useFactory: (settings: Settings) =>
        new Egress({
          allowHttp: settings.EGRESS_HTTP,
          allowCidrs: settings.EGRESS_ALLOW,
          // Only this machine can reach the exchange, so only its owner gives URLs.
          allowLoopback: settings.embedded && settings.onLoopback,
          maxResponseBytes: settings.ENDPOINT_ANSWER_BYTES,
        }),
      inject: [Settings],
    },
  ],
  exports: [Egress],
})
export class EgressModule {}
