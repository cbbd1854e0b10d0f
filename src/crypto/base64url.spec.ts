import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64url, isCanonicalBase64url, toBase64url } from './base64url.js';
import { randomToken, sha256Base64url } from './digest.js';

describe('base64url', () => {
  it('takes back every text it writes, and only that spelling', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(fromBase64url(toBase64url(bytes))).toEqual(bytes);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('agrees with decode and encode again on every text', () => {
    const text = fc.string({
      unit: fc.constantFrom('A', 'Q', 'g', 'w', '-', '_', '9', '=', '+', ' ', '\n'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, (candidate) => {
        const again = Buffer.from(candidate, 'base64url').toString('base64url');
        expect(isCanonicalBase64url(candidate)).toBe(again === candidate);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  it.each([
    'A',
    'AB',
    'AAB',
    'AA==',
    'AA=',
    'A A',
    'AA\n',
    'A+AA',
    'A/AA',
    'AAA\u0000',
    'é',
    'AA!',
  ])('refuses %j', (text) => {
    expect(fromBase64url(text)).toBeUndefined();
  });
});

describe('digest and random', () => {
  it('is SHA-256 (FIPS 180-4 example)', async () => {
    const expected = 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0';

    expect(await sha256Base64url('abc')).toBe(expected);
    expect(await sha256Base64url(new TextEncoder().encode('abc'))).toBe(expected);
  });

  it('makes 256 bits unless told otherwise, and never the same', () => {
    expect(fromBase64url(randomToken())).toHaveLength(32);
    expect(fromBase64url(randomToken(16))).toHaveLength(16);
    expect(randomToken()).not.toBe(randomToken());
  });
});
