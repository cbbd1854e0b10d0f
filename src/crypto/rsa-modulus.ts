import { integerSqrt, isSquare, modPow } from './integers.js';

export const MIN_RSA_BITS = 2048;
/** Larger keys make one verification cost milliseconds: a cheap way to keep the exchange busy. */
export const MAX_RSA_BITS = 4096;

const SMALL_FACTOR_LIMIT = 2 ** 16;
/** Rounds of Fermat's method: finds the factors of CVE-2022-26320 in the first one. */
const FERMAT_ROUNDS = 100;

/** Says what is wrong with an RSA modulus, or undefined. Its length MUST have been checked before. */
export async function faultOfModulus(n: bigint): Promise<string | undefined> {
  if ((n & 1n) === 0n) return 'the modulus is even';
  if (hasSmallFactor(n)) return 'the modulus has a small factor';
  if (isRoca(n)) return 'the modulus has the ROCA fingerprint (CVE-2017-15361)';
  if (hasCloseFactors(n)) return 'the modulus is a square or has close factors (CVE-2022-26320)';
  if (await isProbablyPrime(n)) return 'the modulus is prime';
  return undefined;
}

const PRIMES = primesBelow(SMALL_FACTOR_LIMIT);
const PRIME_PRODUCTS = productsOf(PRIMES.slice(1));

interface PrimeProduct {
  readonly product: bigint;
  readonly primes: readonly number[];
}

function primesBelow(limit: number): number[] {
  const composite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let n = 2; n < limit; n++) {
    if (composite[n] === 1) continue;
    primes.push(n);
    for (let multiple = n * n; multiple < limit; multiple += n) composite[multiple] = 1;
  }
  return primes;
}

// Several primes for one long division; below 2^53 so that the remainder is an exact number.
function productsOf(primes: readonly number[]): PrimeProduct[] {
  const products: PrimeProduct[] = [];
  let product = 1;
  let members: number[] = [];
  for (const prime of primes) {
    if (product * prime > Number.MAX_SAFE_INTEGER) {
      products.push({ product: BigInt(product), primes: members });
      product = 1;
      members = [];
    }
    product *= prime;
    members.push(prime);
  }
  products.push({ product: BigInt(product), primes: members });
  return products;
}

function hasSmallFactor(n: bigint): boolean {
  return PRIME_PRODUCTS.some(({ product, primes }) => {
    const rest = Number(n % product);
    return primes.some((prime) => rest % prime === 0);
  });
}

/**
 * Primes for the ROCA fingerprint: those of the primorial that Infineon's library used for keys of
 * every length (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, section 2.1).
 */
const ROCA_SUBGROUPS = PRIMES.filter((prime) => prime > 2 && prime <= 167).map((prime) => ({
  prime: BigInt(prime),
  powers: powersOf65537(prime),
}));

// Such primes are k*M + (65537^a mod M), so the modulus lies in the group that 65537 generates
// modulo every prime of M. An honest modulus does so with a chance of about 2^-27.
function isRoca(n: bigint): boolean {
  return ROCA_SUBGROUPS.every(({ prime, powers }) => powers.has(Number(n % prime)));
}

function powersOf65537(prime: number): Set<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * (65537 % prime)) % prime) {
    powers.add(power);
  }
  return powers;
}

function hasCloseFactors(n: bigint): boolean {
  let a = integerSqrt(n);
  if (a * a < n) a += 1n;
  for (let round = 0; round < FERMAT_ROUNDS; round++, a += 1n) {
    if (isSquare(a * a - n)) return true;
  }
  return false;
}

// OpenSSL tests in a thread of its own and ten times faster; 4096 bits would hold the event loop for
// a tenth of a second. Looked up at run time, so that a browser can load this file too.
const nodeCrypto = globalThis.process?.getBuiltinModule?.('node:crypto');

function isProbablyPrime(n: bigint): Promise<boolean> {
  if (nodeCrypto === undefined) return Promise.resolve(passesFermatTest(n));
  const { checkPrime } = nodeCrypto;
  return new Promise((resolve, reject) => {
    checkPrime(n, (error, isPrime) => (error instanceof Error ? reject(error) : resolve(isPrime)));
  });
}

/**
 * Fermat's test to base 2: every prime passes, an honest product of two primes does not. Who crafts
 * a composite that passes is refused as well, which harms nobody.
 */
export function passesFermatTest(n: bigint): boolean {
  return modPow(2n, n - 1n, n) === 1n;
}
