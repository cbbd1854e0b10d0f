import { checkPrimeSync, generatePrimeSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { modPow } from './integers.js';
import { faultOfModulus, passesFermatTest } from './rsa-modulus.js';

const prime = generatePrimeSync(1024, { bigint: true });
const sound = prime * generatePrimeSync(1024, { bigint: true });

function multipleOf(factor: bigint): bigint {
  const multiple = (sound / factor) * factor;
  return multiple % 2n === 0n ? multiple + factor : multiple;
}

function nextPrime(from: bigint): bigint {
  let candidate = from + 2n;
  while (!checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

// Nemec et al. 2017: congruent to a power of 65537 modulo the primorial, without a small factor.
function rocaModulus(): bigint {
  const primes = Array.from({ length: 167 }, (_, i) => BigInt(i + 1)).filter(
    (n) => n > 2n && checkPrimeSync(n),
  );
  const primorial = 2n * primes.reduce((product, next) => product * next, 1n);
  let n = (1n << 2047n) - ((1n << 2047n) % primorial) + modPow(65537n, 4711n, primorial);
  do n += primorial;
  while (smooth(n));
  return n;
}

const smooth = (value: bigint): boolean => {
  for (let d = 3n; d < 65536n; d += 2n) if (value % d === 0n) return true;
  return false;
};

describe('an RSA modulus', () => {
  it('of two primes is sound', async () => {
    expect(await faultOfModulus(sound)).toBeUndefined();
  });

  it.each<[string, () => bigint, RegExp]>([
    ['2^2047', () => 1n << 2047n, /even/],
    ['an even modulus', () => sound + 1n, /even/],
    ['2^2048-1', () => (1n << 2048n) - 1n, /small factor/],
    ['a factor just below 2^16', () => multipleOf(65521n), /small factor/],
    ['a square', () => prime * prime, /square/],
    ['close factors', () => prime * nextPrime(prime), /close/],
    ['a prime', () => generatePrimeSync(2048, { bigint: true }), /prime/],
    ['the ROCA fingerprint', rocaModulus, /ROCA/],
  ])('is refused for %s', async (_what, make, why) => {
    expect(await faultOfModulus(make())).toMatch(why);
  });

  it('primes also where there is no OpenSSL to ask', () => {
    const some = generatePrimeSync(512, { bigint: true });

    expect(passesFermatTest(some)).toBe(true);
    expect(passesFermatTest(some * nextPrime(some))).toBe(false);
  });
});
