import { Module } from '@nestjs/common';
import { EgressModule } from '../egress/index.js';
import { PlatformModule } from '../platform/index.js';
import { ApprovePartner } from './approve-partner.js';
import { AuditController } from './audit.controller.js';
import { EndpointStatus } from './endpoint-status.store.js';
import { EndpointsController } from './endpoints.controller.js';
import { GrantsController } from './grants.controller.js';
import { HoldPartner } from './hold-partner.js';
import { InvitePartner } from './invite-partner.js';
import { FetchKeySet } from './key-source/fetch-key-set.js';
import { GivenKeySets } from './key-source/given-key-sets.js';
import { KeySourceController } from './key-source/key-source.controller.js';
import { OwnKeySource } from './key-source/own-key-source.js';
import { PendingKeysController } from './key-source/pending-keys.controller.js';
import { PendingKeys } from './key-source/pending-keys.js';
import { RefreshKeys, RefreshSurroundings } from './key-source/refresh-keys.js';
import { KeysController } from './keys.controller.js';
import { OperatorController } from './operator.controller.js';
import { OwnEndpoints } from './own-endpoints.js';
import { OwnGrants } from './own-grants.js';
import { OwnKeys } from './own-keys.js';
import { PartnersController } from './partners.controller.js';
import { RegisterPartner } from './register-partner.js';
import { RegistrationController } from './registration.controller.js';
import { SeeAudit } from './see-audit.js';
import { Revocations } from './revocations.store.js';
import { SeePartners } from './see-partners.js';
import { PartnerStanding } from './standing.store.js';
import { TrustStore } from './trust.store.js';
import { UsedTokens } from './used-tokens.store.js';

/** Who may speak: registration, keys, grants, endpoints. */
@Module({
  imports: [PlatformModule, EgressModule],
  controllers: [
    RegistrationController,
    PartnersController,
    OperatorController,
    KeySourceController,
    PendingKeysController,
    KeysController,
    GrantsController,
    EndpointsController,
    AuditController,
  ],
  providers: [
    RegisterPartner,
    ApprovePartner,
    HoldPartner,
    InvitePartner,
    SeePartners,
    SeeAudit,
    FetchKeySet,
    GivenKeySets,
    RefreshSurroundings,
    RefreshKeys,
    OwnKeySource,
    PendingKeys,
    OwnKeys,
    OwnGrants,
    OwnEndpoints,
    PartnerStanding,
    UsedTokens,
    TrustStore,
    EndpointStatus,
    Revocations,
  ],
  exports: [RefreshKeys, Revocations, PartnerStanding, UsedTokens, TrustStore, EndpointStatus],
})
export class PartnersModule {}
