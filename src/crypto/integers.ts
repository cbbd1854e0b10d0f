/** Reads bytes as one unsigned integer, most significant byte first. */
export function fromBigEndian(bytes: Uint8Array): bigint {
  let hex = '0x0';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}

/** Reads bytes as one unsigned integer, least significant byte first. */
export function fromLittleEndian(bytes: Uint8Array): bigint {
  return fromBigEndian(bytes.toReversed());
}

/** base^exponent mod modulus. Not constant in time: for public values only. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

/** The largest integer whose square is not larger than `value`. */
export function integerSqrt(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

const SQUARES_MOD_64 = new Set(Array.from({ length: 64 }, (_, i) => BigInt((i * i) % 64)));

export function isSquare(value: bigint): boolean {
  // Most numbers are no squares modulo 64 already, which is far cheaper than a root.
  if (!SQUARES_MOD_64.has(value & 63n)) return false;
  const root = integerSqrt(value);
  return root * root === value;
}
