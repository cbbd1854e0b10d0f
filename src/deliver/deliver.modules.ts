import { Module } from '@nestjs/common';
import { EgressModule } from '../egress/index.js';
import { ExchangeKeysModule } from '../exchange-keys/index.js';
import { LedgerModule } from '../ledger/index.js';
import { PartnersModule } from '../partners/index.js';
import { PlatformModule } from '../platform/index.js';
import { QueueModule } from '../queue/index.js';
import { ReceiptsModule } from '../receipts/index.js';
import { AttemptSteps, DeliverAttempt } from './deliver-attempt.js';
import { InboxController } from './inbox/inbox.controller.js';
import { InboxSteps, PollInbox } from './inbox/poll-inbox.js';
import { InboxWaiters } from './inbox/waiters.js';
import { ChallengeEndpoints, ChallengeParts } from './ownership/challenge-endpoints.js';
import { EndDelivery } from './end-delivery.js';
import { ExchangeTrust } from './operational/exchange-trust.js';
import { NoticeParts, TellPartner } from './operational/tell-partner.js';
import { RecordOutcome } from './record-outcome.js';
import { StopRevoked, StopSurroundings } from './revocation/stop-revoked.js';
import { Duties, Sweep, SweepParts, SweepSurroundings } from './sweep.js';
import { VerifyAgain } from './verify-again.js';
import { Push } from './webhook/push.js';
import { Worker, WorkerSurroundings } from './worker.js';

/** What push and poll share: the second verification and the end of a delivery. */
@Module({
  imports: [PlatformModule, LedgerModule, PartnersModule, ExchangeKeysModule, ReceiptsModule],
  providers: [ExchangeTrust, VerifyAgain, EndDelivery],
  exports: [ExchangeTrust, VerifyAgain, EndDelivery],
})
export class SecondCheckModule {}

/** STEPS 5 to 7 by poll: part of the API. */
@Module({
  imports: [PlatformModule, LedgerModule, SecondCheckModule],
  controllers: [InboxController],
  providers: [InboxWaiters, InboxSteps, PollInbox],
})
export class InboxModule {}

/** STEPS 5 to 7 by push, and what no event brings about: the worker. */
@Module({
  imports: [
    PlatformModule,
    LedgerModule,
    PartnersModule,
    ExchangeKeysModule,
    EgressModule,
    QueueModule,
    ReceiptsModule,
    SecondCheckModule,
  ],
  providers: [
    Push,
    RecordOutcome,
    AttemptSteps,
    DeliverAttempt,
    ChallengeParts,
    ChallengeEndpoints,
    NoticeParts,
    TellPartner,
    StopSurroundings,
    StopRevoked,
    Duties,
    SweepParts,
    SweepSurroundings,
    Sweep,
    WorkerSurroundings,
    Worker,
  ],
})
export class WebhookModule {}
