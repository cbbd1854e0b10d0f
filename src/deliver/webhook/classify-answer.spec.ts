import { describe, expect, it } from 'vitest';
import { classifyAnswer } from './classify-answer.js';

const NOW = new Date('2030-01-01T00:00:00Z');

function classify(
  status: number,
  given: { body?: string; headers?: Record<string, string>; attempt?: number } = {},
): ReturnType<typeof classifyAnswer> {
  const { body = '', headers = {}, attempt = 1 } = given;
  return classifyAnswer({ status, headers, body, truncated: false }, attempt, NOW);
}

const err = (word: unknown): { body: string } => ({ body: JSON.stringify({ err: word }) });

describe("an endpoint's answer", () => {
  it.each([200, 201, 202, 204, 206, 226, 299])('%i ends the delivery', (status) => {
    expect(classify(status, { body: '{"err":"invalid_request"}' })).toEqual({
      is: 'delivered',
      status,
    });
  });

  it.each([300, 301, 302, 303, 304, 305, 307, 308])('%i is not followed', (status) => {
    const answer = classify(status, { headers: { location: 'http://elsewhere.example/' } });
    expect(answer).toEqual({ is: 'again', because: 'redirect', status });
  });

  it.each([401, 403, 404, 408, 409, 413, 415, 422, 425, 429, 500, 502, 503, 504, 507, 520, 999])(
    '%i is worth another attempt',
    (status) => {
      expect(classify(status, err('invalid_request'))).toEqual({
        is: 'again',
        because: `http_${status}`,
        status,
      });
    },
  );

  it('410 says that the endpoint wants nothing any more', () => {
    expect(classify(410)).toEqual({ is: 'gone', status: 410 });
  });

  it.each(['invalid_request', 'invalid_issuer', 'invalid_audience'])(
    '400 with %s is final',
    (word) => {
      expect(classify(400, err(word))).toEqual({ is: 'never', because: word, status: 400 });
    },
  );

  it('400 with invalid_key is final only when it comes again', () => {
    expect(classify(400, err('invalid_key'))).toMatchObject({ is: 'again' });
    expect(classify(400, { ...err('invalid_key'), attempt: 2 })).toMatchObject({ is: 'never' });
  });

  it.each(['authentication_failed', 'access_denied', 'whatever'])(
    '400 with %s is worth another attempt',
    (word) => {
      expect(classify(400, err(word))).toEqual({ is: 'again', because: word, status: 400 });
    },
  );

  it.each([
    [''],
    ['no JSON'],
    ['"invalid_request"'],
    ['null'],
    ['[]'],
    ['{"err":7}'],
    ['{"err":"<script>"}'],
    ['{"err":"invalid_request","err":"x"}'],
    [`{"err":"${'a'.repeat(65)}"}`],
  ])('400 with %s repeats nothing of it', (body) => {
    expect(classify(400, { body })).toEqual({ is: 'again', because: 'http_400', status: 400 });
  });

  it('Retry-After goes with the answer, a bad one does not', () => {
    expect(classify(429, { headers: { 'retry-after': '7' } })).toMatchObject({
      retryAfterMs: 7_000,
    });
    expect(classify(503, { headers: { 'retry-after': '-7' } })).not.toHaveProperty('retryAfterMs');
  });
});
