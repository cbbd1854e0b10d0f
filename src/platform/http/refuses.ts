import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { REASONS, type ReasonCode } from '../../envelope/index.js';

/** Names in the OpenAPI document the codes with which a route refuses, grouped by status. */
export function Refuses(...codes: ReasonCode[]): MethodDecorator & ClassDecorator {
  const all = [...new Set<ReasonCode>([...codes, 'internal', 'unavailable'])];
  const statuses = [...new Set(all.map((code) => REASONS[code].status))];
  return applyDecorators(
    ...statuses.map((status) => {
      const here = all.filter((code) => REASONS[code].status === status);
      return ApiResponse({ status, ...refusalOf(here) });
    }),
  );
}

/** The response of a refusal with one of these codes, as the OpenAPI document has it. */
export function refusalOf(codes: readonly ReasonCode[]) {
  return {
    description: codes
      .map((code) => `[\`${code}\`](/errors#${code}): ${REASONS[code].says}.`)
      .join('\n\n'),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(codes.map((code) => [code, { value: exampleOf(code) }])),
      },
    },
  };
}

function exampleOf(code: ReasonCode): Record<string, unknown> {
  const { status, says } = REASONS[code];
  return {
    type: `http://localhost:3000/errors#${code}`,
    title: says,
    status,
    code,
    instance: '0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11',
  };
}
