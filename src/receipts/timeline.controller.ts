import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { partnerId, Refused } from '../envelope/index.js';
import { type EnvelopeRow, type Filter, TimelineStore } from '../ledger/index.js';
import { type Caller, FromCaller, isUuid, Refuses, Scopes, Settings } from '../platform/index.js';
import { EnvelopesPage, EnvelopeView, ListEnvelopesQuery, ReceiptsList } from './timeline.dto.js';
import { receiptView, timelineOf } from './timeline.js';

/** What became of an envelope, for its sender and its recipient. */
@ApiTags('Envelopes')
@ApiBearerAuth('token')
@Scopes('partner')
@Controller('v1/envelopes')
export class TimelineController {
  constructor(
    private readonly timeline: TimelineStore,
    private readonly settings: Settings,
  ) {}

  /** Envelopes you sent or receive, newest first. */
  @Get()
  @Refuses('validation_failed', 'unauthorized', 'forbidden', 'partner_inactive')
  async listEnvelopes(
    @Query() query: ListEnvelopesQuery,
    @FromCaller() caller: Caller,
  ): Promise<EnvelopesPage> {
    const envelopes = await this.timeline.list(caller.id, filterOf(query));
    const more = envelopes.length > query.limit;
    const shown = envelopes.slice(0, query.limit);
    const deliveries = await this.timeline.deliveries(shown.map((envelope) => envelope.id));
    const attempts = await this.timeline.attempts(deliveries.map((delivery) => delivery.id));
    const last = shown.at(-1);
    return {
      items: shown.map((envelope) => timelineOf(envelope, deliveries, attempts, caller.id)),
      ...(more && last !== undefined ? { next: last.id } : {}),
    };
  }

  /** One envelope's timeline: deliveries, their states and attempts. */
  @Get(':id')
  @Refuses('unauthorized', 'forbidden', 'partner_inactive', 'not_found')
  async getEnvelope(@Param('id') id: string, @FromCaller() caller: Caller): Promise<EnvelopeView> {
    const envelope = await this.#find(id, caller);
    const deliveries = await this.timeline.deliveries([envelope.id]);
    const attempts = await this.timeline.attempts(deliveries.map((delivery) => delivery.id));
    return timelineOf(envelope, deliveries, attempts, caller.id);
  }

  /** The signed receipts of one envelope, oldest first. They verify with nothing but the JWKS. */
  @Get(':id/receipts')
  @Refuses('unauthorized', 'forbidden', 'partner_inactive', 'not_found')
  async listReceipts(@Param('id') id: string, @FromCaller() caller: Caller): Promise<ReceiptsList> {
    const envelope = await this.#find(id, caller);
    const receipts = await this.timeline.receipts(envelope, this.settings.issuer);
    return { items: receipts.map(receiptView) };
  }

  async #find(id: string, caller: Caller): Promise<EnvelopeRow> {
    const envelope = isUuid(id) ? await this.timeline.envelope(id, caller.id) : undefined;
    if (envelope === undefined) throw new Refused('not_found');
    return envelope;
  }
}

function filterOf(query: ListEnvelopesQuery): Filter {
  const { peer, type, txn, state, from, to, after, limit } = query;
  if (after !== undefined && !isUuid(after)) throw new Refused('validation_failed', 'after');
  return {
    ...(peer === undefined ? {} : { peer: partnerId(peer, 'peer') }),
    ...(type === undefined ? {} : { type }),
    ...(txn === undefined ? {} : { txn }),
    ...(state === undefined ? {} : { state }),
    ...(from === undefined ? {} : { from: new Date(from) }),
    ...(to === undefined ? {} : { to: new Date(to) }),
    ...(after === undefined ? {} : { before: after }),
    limit: limit + 1,
  };
}
