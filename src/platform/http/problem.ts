import { REASONS, Refused, type ReasonCode } from '../../envelope/index.js';

/** RFC 9457 problem details, with the stable `code`. Never echoes what was sent. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ReasonCode;
  readonly detail?: string;
  readonly instance: string;
}

export const PROBLEM_JSON = 'application/problem+json; charset=utf-8';

export function problemOf(refused: Refused, issuer: string, requestId: string): Problem {
  const { status, says } = REASONS[refused.code];
  return {
    ...refused.members,
    type: `${issuer}/errors#${refused.code}`,
    title: says,
    status,
    code: refused.code,
    ...(refused.detail === undefined ? {} : { detail: refused.detail }),
    instance: requestId,
  };
}
