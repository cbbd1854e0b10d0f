import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import { AuditPage, AuditQuery, AuditVerdict } from './audit.dto.js';
import { GUARDED } from './rules.js';
import { SeeAudit } from './see-audit.js';

@ApiTags('Audit')
@ApiBearerAuth('token')
@Controller('v1/audit')
export class AuditController {
  constructor(private readonly audit: SeeAudit) {}

  /**
   * Every change of partners, keys, grants, endpoints, invites and registrations, the newest first.
   *
   * The operator sees all; a partner sees what it did and what was done to what is its own. Never holds
   * contents, secrets or keys beyond their thumbprints; of a URL its origin and the digest of the rest.
   */
  @Get()
  @Scopes('partner', 'operator')
  @Refuses(...GUARDED, 'validation_failed')
  listAudit(@FromCaller() caller: Caller, @Query() query: AuditQuery): Promise<AuditPage> {
    return this.audit.list(caller, query);
  }

  /** Computes the chain of all entries anew: whether one was changed, taken away or put in between. */
  @Get('verify')
  @Scopes('operator')
  @Refuses(...GUARDED)
  verifyAudit(): Promise<AuditVerdict> {
    return this.audit.verify();
  }
}
