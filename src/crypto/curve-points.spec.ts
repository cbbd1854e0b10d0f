import { describe, expect, it } from 'vitest';
import { faultOfEd25519, faultOfX25519 } from './curve-points.js';
import { generateKey } from './generate-key.js';
import { fromBigEndian, modPow } from './integers.js';

function littleEndian(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toReversed();
}

function decode(text: unknown): Uint8Array {
  return Buffer.from(String(text), 'base64url');
}

describe('of points on 25519 the policy refuses', () => {
  const P = 2n ** 255n - 19n;
  const SIGN = 1n << 255n;
  // CCTV and Brendel et al. 2021, table 1: order 8, 4, 2, 1 and what decodes to them.
  const Y8 = fromBigEndian(decode('BfxTbYgCOLE5M8bTBazf1fCY7_KJ9MNFsCeywo-V6CY'));
  const orders = [0n, 1n, P - 1n, P, P + 1n, Y8, P - Y8];

  it.each(orders.flatMap((y) => [y, y | SIGN]))('Ed25519 of small order: y = %s', (y) => {
    expect(faultOfEd25519(littleEndian(y))).toMatch(/small order|canonical/);
  });

  it('has the y of order 8 in its list: doubled twice it is the point (0, -1) of order 2', () => {
    const d = ((P - 121665n) * modPow(121666n, P - 2n, P)) % P;
    const double = (y: bigint): bigint => {
      const y2 = (y * y) % P;
      const x2 = ((y2 - 1n + P) * modPow(d * y2 + 1n, P - 2n, P)) % P;
      return ((y2 + x2) * modPow(1n - ((d * x2 * y2) % P) + P, P - 2n, P)) % P;
    };

    expect([double(Y8), double(double(Y8)), double(P - 1n)]).toEqual([0n, P - 1n, 1n]);
  });

  it('Ed25519 off the curve, and of another length', () => {
    expect(faultOfEd25519(littleEndian(2n))).toMatch(/curve/);
    for (const length of [31, 33, 57]) {
      const x = Buffer.alloc(length, 9);
      expect(faultOfEd25519(x)).toMatch(/32 bytes/);
      expect(faultOfX25519(x)).toMatch(/32 bytes/);
    }
  });

  it('X25519 of small order, and what is another spelling of a sound key', async () => {
    const u8 = [
      '4Ot6fDtBuK4WVuP68Z_EatoJjeucMrH9hmIFFl9JuAA',
      'X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc',
    ];
    const low = [0n, 1n, P - 1n, P, P + 1n, SIGN, SIGN + 1n].map(littleEndian);
    for (const x of [...low, ...u8.map(decode)]) {
      expect(faultOfX25519(x)).toMatch(/small order|canonical/);
    }
    const { publicJwk } = await generateKey('enc', 'ECDH-ES', { crv: 'X25519' });
    const bytes = decode(publicJwk['x']);
    expect(faultOfX25519(bytes)).toBeUndefined();
    bytes[31] = (bytes[31] ?? 0) | 0x80;
    expect(faultOfX25519(bytes)).toMatch(/canonical/);
  });
});
