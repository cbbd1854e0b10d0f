import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ReasonCode, Refused } from '../../envelope/index.js';
import type { Settings } from '../config/index.js';
import { isUnavailable } from '../database/index.js';
import type { Log } from '../log/index.js';
import { PROBLEM_JSON, problemOf } from './problem.js';
import type { Routes } from './routes.js';

const RETRY_AFTER_SECONDS = '1';

/** The one door out: whatever was thrown leaves as problem+json with a code of the table. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly settings: Settings,
    private readonly log: Log,
    private readonly routes: Routes,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const refused = this.#refusalOf(error, request);
    if (reply.sent) return;
    if (refused.code === 'unavailable' || refused.status === 429)
      reply.header('retry-after', refused.members['retryAfter'] ?? RETRY_AFTER_SECONDS);
    if (refused.code === 'over_quota') {
      reply.header('ratelimit-policy', `"pair";q=${this.settings.PAIR_WAITING_COUNT}`);
      reply.header('ratelimit', '"pair";r=0');
    }
    if (refused.code === 'unauthorized' && !reply.hasHeader('www-authenticate'))
      reply.header('www-authenticate', 'Bearer');
    if (refused.code === 'method_not_allowed')
      reply.header('allow', this.routes.methodsOf(request.url).join(', '));
    void reply
      .status(refused.status)
      .type(PROBLEM_JSON)
      .send(problemOf(refused, this.settings.issuer, request.id));
  }

  #refusalOf(error: unknown, request: FastifyRequest): Refused {
    if (error instanceof Refused) return error;
    if (isUnavailable(error)) {
      this.log.broken('http.unavailable', error, { requestId: request.id });
      return new Refused('unavailable');
    }
    const status = statusOf(error);
    if (status === 404 && this.routes.methodsOf(request.url).length > 0)
      return new Refused('method_not_allowed');
    const code = status === undefined ? undefined : codeOf(status);
    if (code !== undefined) return new Refused(code, detailOf(error));
    this.log.broken('http.broken', error, { requestId: request.id });
    return new Refused('internal');
  }
}

/** Errors of Nest and Fastify carry the status they want; only those below 500 are the caller's. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  if (!(error instanceof Error)) return undefined;
  const status: unknown = Reflect.get(error, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

function codeOf(status: number): ReasonCode | undefined {
  if (status === 404) return 'not_found';
  if (status === 405) return 'method_not_allowed';
  if (status === 413) return 'too_large';
  if (status === 415) return 'unsupported_media_type';
  return status >= 400 && status < 500 ? 'validation_failed' : undefined;
}

// Fastify's codes are fixed words; its messages may repeat what was sent.
function detailOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' && code.startsWith('FST_') ? SAYS[code] : undefined;
}

const SAYS: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body is not JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the content type is not one this route takes',
  FST_ERR_CTP_BODY_TOO_LARGE: 'the body is too large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'content-length does not match the body',
  FST_ERR_BAD_URL: 'the path is not valid',
};
