import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { OauthError } from './oauth-error.js';

/** RFC 6749 section 5.2 has a body of its own; all that is no OauthError leaves as problem+json. */
@Catch(OauthError)
export class OauthErrorFilter implements ExceptionFilter<OauthError> {
  catch(error: OauthError, host: ArgumentsHost): void {
    void host
      .switchToHttp()
      .getResponse<FastifyReply>()
      .status(error.status)
      .headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
      .type('application/json; charset=utf-8')
      .send({ error: error.code, error_description: error.description });
  }
}
