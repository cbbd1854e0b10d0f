import { fromBigEndian, fromLittleEndian, modPow } from './integers.js';

const POINT_BYTES = 32;

/** SP 800-186 section 3.2.1.3. */
const P256 = {
  p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
};

/** SP 800-56A section 5.6.2.3.4: coordinates in full size, in range and on the curve. */
export function faultOfP256(x: Uint8Array, y: Uint8Array): string | undefined {
  // RFC 7518 section 6.2.1.2: a stripped or an added zero would be a second spelling of the key.
  if (x.length !== POINT_BYTES || y.length !== POINT_BYTES) return 'a coordinate is not 32 bytes';
  const [px, py] = [fromBigEndian(x), fromBigEndian(y)];
  const { p, b } = P256;
  if (px >= p || py >= p) return 'a coordinate is out of range';
  const onCurve = (py * py - (px * px * px - 3n * px + b)) % p === 0n;
  return onCurve ? undefined : 'the point is not on the curve';
}

const P25519 = 2n ** 255n - 19n;
const TOP_BIT = 1n << 255n;
/** RFC 8032 section 5.1. */
const EDWARDS_D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n;

/** y of two of the points of order 8; the other two have its negative. */
const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** y of the points of order 1, 2, 4 and 8; the sign of x does not matter (Brendel et al., S&P 2021). */
const SMALL_ORDER_EDWARDS_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P25519 - 1n,
  ORDER_8_Y,
  P25519 - ORDER_8_Y,
]);

/**
 * RFC 8032 section 5.1.3 decoding, and no point of small order: under such a key one signature
 * verifies for every message. A component of small order beside a proper one is let through; it
 * changes nothing for anybody but the holder, and Node answers the same at every verification.
 */
export function faultOfEd25519(x: Uint8Array): string | undefined {
  if (x.length !== POINT_BYTES) return 'the point is not 32 bytes';
  const encoded = fromLittleEndian(x);
  const y = encoded & (TOP_BIT - 1n);
  if (y >= P25519) return 'the point is not canonical';
  if (SMALL_ORDER_EDWARDS_Y.has(y)) return 'the point is of small order';
  const y2 = (y * y) % P25519;
  // x^2 = u/v, and u/v is a square exactly when u*v is one (Euler's criterion).
  const uv = ((y2 - 1n) * (EDWARDS_D * y2 + 1n)) % P25519;
  const isSquare = modPow(uv, (P25519 - 1n) / 2n, P25519) === 1n;
  return isSquare ? undefined : 'the point is not on the curve';
}

/** u of the points that give an all-zero shared secret (RFC 7748 section 6.1, RFC 8037 section 5). */
const SMALL_ORDER_MONTGOMERY_U: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P25519 - 1n,
  0x00b8495f16056286fdb1329ceb8d09da6ac49ff1fae35616aeb8413b7c7aebe0n,
  0x57119fd0dd4e22d8868e1c58c45c44045bef839c55b1d0b1248c50a3bc959c5fn,
]);

/** Canonical and not of small order; whether u is on the curve or its twist is all the same to X25519. */
export function faultOfX25519(x: Uint8Array): string | undefined {
  if (x.length !== POINT_BYTES) return 'the point is not 32 bytes';
  // RFC 7748 masks the top bit and reduces modulo p: that is a second spelling of the same key.
  const u = fromLittleEndian(x);
  if (u >= P25519) return 'the point is not canonical';
  return SMALL_ORDER_MONTGOMERY_U.has(u) ? 'the point is of small order' : undefined;
}
