import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import { partnerId } from '../envelope/index.js';
import { type Caller, FromCaller, Refuses, Scopes } from '../platform/index.js';
import { ApprovePartner } from './approve-partner.js';
import { HoldPartner } from './hold-partner.js';
import { InvitePartner } from './invite-partner.js';
import { ApproveBody, InviteBody, InviteView } from './operator.dto.js';
import { PartnerView } from './partners.dto.js';
import { GUARDED } from './rules.js';
import { partnerView } from './views.js';

@ApiTags('Operator')
@ApiBearerAuth('token')
@Scopes('operator')
@Controller('v1')
export class OperatorController {
  constructor(
    private readonly approval: ApprovePartner,
    private readonly hold: HoldPartner,
    private readonly invitation: InvitePartner,
  ) {}

  /** Makes a registration that waits an active partner; others that wait for the id are forgotten. */
  @Post('partners/:id/approve')
  @ApiBody({ type: ApproveBody, required: false })
  @HttpCode(200)
  @Refuses(...GUARDED, 'validation_failed', 'not_found', 'id_taken', 'conflict')
  async approvePartner(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: ApproveBody,
  ): Promise<PartnerView> {
    return partnerView(await this.approval.run(caller, partnerId(id, 'id', 'not_found'), body));
  }

  /** Holds everything of and to a partner; nothing is lost. Idempotent. */
  @Post('partners/:id/suspend')
  @HttpCode(200)
  @Refuses(...GUARDED, 'not_found')
  async suspendPartner(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
  ): Promise<PartnerView> {
    return partnerView(await this.hold.suspend(caller, partnerId(id, 'id', 'not_found')));
  }

  /** Lets a suspended partner go on. Idempotent. */
  @Post('partners/:id/reactivate')
  @HttpCode(200)
  @Refuses(...GUARDED, 'not_found')
  async reactivatePartner(
    @FromCaller() caller: Caller,
    @Param('id') id: string,
  ): Promise<PartnerView> {
    return partnerView(await this.hold.reactivate(caller, partnerId(id, 'id', 'not_found')));
  }

  /** Makes an invite for one id, shown once. For an existing id it replaces all keys of a partner that lost them. */
  @Post('invites')
  @Refuses(...GUARDED, 'validation_failed')
  createInvite(@FromCaller() caller: Caller, @Body() body: InviteBody): Promise<InviteView> {
    return this.invitation.run(caller, partnerId(body.id, 'id'), body.expiresInSeconds);
  }
}
