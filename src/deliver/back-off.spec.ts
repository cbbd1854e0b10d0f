import { describe, expect, it } from 'vitest';
import { type BackOff, MAX_RETRY_AFTER_MS, nextAttemptAt, retryAfterMs } from './back-off.js';

const NOW = new Date('2030-01-01T00:00:00Z');
const LATER = new Date('2030-01-08T00:00:00Z');

function waitMs(given: Partial<BackOff>): number | undefined {
  const all = { scheduleMs: [1_000, 10_000], attempt: 1, now: NOW, exp: LATER, chance: 0.5 };
  const at = nextAttemptAt({ ...all, ...given });
  return at && at.getTime() - NOW.getTime();
}

describe('the wait before the next attempt', () => {
  it('follows the schedule, and its last step repeats', () => {
    expect([1, 2, 3, 60, 1_000_000].map((attempt) => waitMs({ attempt }))).toEqual([
      1_000, 10_000, 10_000, 10_000, 10_000,
    ]);
  });

  it('is spread by a fifth to either side', () => {
    expect(waitMs({ chance: 0 })).toBe(800);
    expect(waitMs({ chance: 1 - Number.EPSILON })).toBe(1_200);
  });

  it('is as long as the endpoint asks for, never shorter than planned', () => {
    expect(waitMs({ retryAfterMs: 5_000 })).toBe(5_000);
    expect(waitMs({ retryAfterMs: 1 })).toBe(1_000);
  });

  it('is a day at most, whatever the endpoint asks for', () => {
    expect(waitMs({ retryAfterMs: Number.MAX_SAFE_INTEGER })).toBe(MAX_RETRY_AFTER_MS);
  });

  it('ends before exp, or there is none', () => {
    expect(waitMs({ exp: new Date(NOW.getTime() + 1_001) })).toBe(1_000);
    expect(waitMs({ exp: new Date(NOW.getTime() + 1_000) })).toBeUndefined();
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 120 ', 120_000],
    ['Tue, 01 Jan 2030 00:02:00 GMT', 120_000],
    ['Tuesday, 01-Jan-30 00:02:00 GMT', 120_000],
    ['9999999999', MAX_RETRY_AFTER_MS],
    ['Fri, 31 Dec 9999 23:59:59 GMT', MAX_RETRY_AFTER_MS],
  ])('%j is read', (header, ms) => {
    expect(retryAfterMs(header, NOW)).toBe(ms);
  });

  it.each([
    [undefined],
    [''],
    ['0'],
    ['-1'],
    ['-120'],
    ['+120'],
    ['1.5'],
    ['1e9'],
    ['Infinity'],
    ['NaN'],
    ['120 s'],
    ['120, 120'],
    ['Thu, 01 Jan 1970 00:00:00 GMT'],
    ['2031-01-01'],
    ['2031'.repeat(3)],
    ['soon (2031)'],
    ['x'.repeat(1_024)],
  ])('%j is ignored', (header) => {
    expect(retryAfterMs(header, NOW)).toBeUndefined();
  });
});
