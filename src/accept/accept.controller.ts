import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiExtraModels,
  ApiOkResponse,
  ApiResponse,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Broken, type PartnerId } from '../envelope/index.js';
import {
  callerOf,
  Charges,
  hasSignedBody,
  Refuses,
  ScopesUnlessSigned,
  strictValidation,
  traceIdOf,
} from '../platform/index.js';
import { AcceptBatch } from './accept-batch.js';
import { AcceptedView, BatchAnswer, EnvelopeBatch } from './accept.dto.js';

/** STEP 1 of the way: envelopes come in. */
@ApiTags('Envelopes')
@Controller('v1/envelopes')
export class AcceptController {
  readonly #validation = strictValidation();

  constructor(
    private readonly accept: AcceptBatch,
    private readonly charges: Charges,
  ) {}

  /**
   * Send one envelope, or a batch.
   *
   * As `application/jwt` the body is one envelope and its own credential. As `application/json` it is a
   * batch of up to 100, sent with the sender's access token, and each is answered for itself.
   */
  @Post()
  @ScopesUnlessSigned('partner')
  @ApiBearerAuth('token')
  @ApiConsumes('application/jwt', 'application/json')
  @ApiExtraModels(EnvelopeBatch)
  @ApiBody({
    schema: {
      oneOf: [
        { type: 'string', description: 'One envelope: a compact JWT, at most 1 MiB' },
        { $ref: getSchemaPath(EnvelopeBatch) },
      ],
    },
  })
  @ApiResponse({
    status: 202,
    type: AcceptedView,
    description: 'One envelope, durable from now on',
  })
  @ApiOkResponse({ type: BatchAnswer, description: 'A batch: one result per envelope, in order' })
  @Refuses(
    'envelope_malformed',
    'header_not_allowed',
    'alg_not_allowed',
    'claims_invalid',
    'validation_failed',
    'key_unknown',
    'signature_invalid',
    'unauthorized',
    'not_granted',
    'forbidden',
    'partner_inactive',
    'replayed',
    'stale_recipient_key',
    'too_large',
    'unsupported_media_type',
    'rate_limited',
    'over_quota',
  )
  async sendEnvelopes(
    @Body() body: unknown,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AcceptedView | BatchAnswer> {
    const bringing = {
      requestId: request.id,
      traceId: traceIdOf(request.headers),
      charge: (sender: PartnerId) => this.charges.toPartner(request, reply, sender),
    };
    if (hasSignedBody(request)) {
      const accepted = await this.accept.one(body, bringing);
      reply.status(202);
      return accepted;
    }
    const batch = await this.#readBatch(body);
    const caller = callerOf(request);
    if (caller === undefined) throw new Broken('a batch came without a caller');
    const results = await this.accept.many(batch.envelopes, { ...bringing, by: caller.id });
    reply.status(200);
    return { results };
  }

  async #readBatch(body: unknown): Promise<EnvelopeBatch> {
    const batch: unknown = await this.#validation.transform(body, {
      type: 'body',
      metatype: EnvelopeBatch,
    });
    if (!(batch instanceof EnvelopeBatch)) throw new Broken('validation made something else');
    return batch;
  }
}
