import {
  type ArgumentsHost,
  Body,
  Catch,
  Controller,
  type ExceptionFilter,
  HttpCode,
  Post,
  Res,
  UseFilters,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Refused } from '../../envelope/index.js';
import { type Caller, FromCaller, Refuses, Scopes, Stopping } from '../../platform/index.js';
import { PollAnswer, PollRefusal, PollRequest, readPoll } from './poll.dto.js';
import { PollInbox } from './poll-inbox.js';

/** RFC 8936 section 2.6: what is wrong with a poll has a body of its own; all else is problem+json. */
@Catch(Refused)
class PollErrorFilter implements ExceptionFilter<Refused> {
  catch(refused: Refused, host: ArgumentsHost): void {
    if (refused.status !== 400) throw refused;
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .status(400)
      .type('application/json; charset=utf-8')
      .header('content-language', 'en')
      .send({ err: 'invalid_request', description: refused.message });
  }
}

@ApiTags('Inbox')
@ApiBearerAuth('token')
@Controller('v1/inbox')
export class InboxController {
  constructor(
    private readonly inbox: PollInbox,
    private readonly stopping: Stopping,
  ) {}

  /**
   * Collect envelopes, and acknowledge or refuse those collected before (RFC 8936).
   *
   * Keyed by delivery id. What is returned is leased for a while: unless it is acknowledged it comes
   * again. Without `returnImmediately` the poll waits for the first envelope.
   */
  @Post('poll')
  @HttpCode(200)
  @Scopes('partner')
  @UseFilters(PollErrorFilter)
  @ApiBody({ type: PollRequest })
  @ApiResponse({ status: 200, type: PollAnswer })
  @ApiResponse({ status: 400, type: PollRefusal, description: 'RFC 8936 section 2.6' })
  @Refuses('unauthorized', 'forbidden', 'partner_inactive', 'too_large', 'unsupported_media_type')
  pollInbox(
    @Body() body: unknown,
    @FromCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PollAnswer> {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    // It may have gone while its token was looked at; then there is no event to come.
    if (reply.raw.destroyed) gone.abort();
    const signal = AbortSignal.any([gone.signal, this.stopping.signal]);
    return this.inbox.run(caller.id, readPoll(body), signal);
  }
}
