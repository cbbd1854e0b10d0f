import { Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { type Caller, FromCaller, Refuses, Scopes, ScopesEvenInactive } from '../platform/index.js';
import { PublishedKeys } from './keys.dto.js';
import { PageQuery } from './page.dto.js';
import { PartnerPage, PartnerView } from './partners.dto.js';
import { GUARDED } from './rules.js';
import { SeePartners } from './see-partners.js';

@ApiTags('Partners')
@ApiBearerAuth('token')
@Controller('v1/partners')
export class PartnersController {
  constructor(private readonly partners: SeePartners) {}

  /** A partner sees itself and those with a grant either way; the operator sees all, and what waits. */
  @Get()
  @Scopes('partner', 'operator')
  @Refuses(...GUARDED, 'validation_failed')
  listPartners(@FromCaller() caller: Caller, @Query() page: PageQuery): Promise<PartnerPage> {
    return this.partners.list(caller, page);
  }

  /** Whoever is pending or suspended sees its own status here, and nothing else. */
  @Get(':id')
  @ScopesEvenInactive('partner', 'operator')
  @Refuses(...GUARDED, 'not_found')
  getPartner(@FromCaller() caller: Caller, @Param('id') id: string): Promise<PartnerView> {
    return this.partners.one(caller, id);
  }

  /** The partner's public keys, each with the statement by which one of its sig keys names it. */
  @Get(':id/jwks.json')
  @Header('content-type', 'application/jwk-set+json')
  @Scopes('partner', 'operator')
  @Refuses(...GUARDED, 'not_found')
  getPartnerKeys(@FromCaller() caller: Caller, @Param('id') id: string): Promise<PublishedKeys> {
    return this.partners.keys(caller, id);
  }
}
