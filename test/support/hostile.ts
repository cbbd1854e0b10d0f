import { createHmac, createPublicKey } from 'node:crypto';
import { TYP } from '../../src/envelope/index.js';
import { base64url, Forge, P256_ORDER, publicOf, rawSignature } from './forge.js';
import type { Partner } from './partner.js';
import type { Receiver } from './receiver.js';
import { type World } from './world.js';

/** Who is there when hostile envelopes come in. */
export interface Scene {
  readonly world: World;
  /** Senders, each with a key of another algorithm; bob lets all of them send `invoice.*`. */
  readonly forges: Readonly<Record<SenderName, Forge>>;
  readonly bob: Partner;
  /** Lets nobody send anything. */
  readonly dora: Partner;
  /** A listener that a `jku` could name. */
  readonly trap: Receiver;
}

export type SenderName = 'ed25519' | 'es256' | 'ps256' | 'rs256';
type Body = string | Uint8Array;

/** One hostile input: its line in ATTACKS.md, what it is, how it is made, what it must meet. */
export interface Attack {
  readonly line: number;
  readonly what: string;
  readonly by: SenderName;
  readonly make: (forge: Forge, jti: string, scene: Scene) => Body | Promise<Body>;
  /** `code`, or `code:detail` where the detail has to name something. */
  readonly expected: readonly string[];
}

type Make = Attack['make'];

/** Rows of one line of ATTACKS.md. */
export function line(
  number: number,
  expected: string | readonly string[],
  rows: Readonly<Record<string, Make>>,
  by: SenderName = 'ed25519',
): Attack[] {
  return Object.entries(rows).map(([what, make]) => ({
    line: number,
    what,
    by,
    make,
    expected: typeof expected === 'string' ? [expected] : expected,
  }));
}

/** One row for each of the given inputs, named by its JSON. */
export function each<T>(inputs: readonly T[], make: (input: T) => Make, what = ''): Rows {
  return Object.fromEntries(
    inputs.map((input, i) => [`${what}${shown(input)} (${i})`, make(input)]),
  );
}
type Rows = Record<string, Make>;

function shown(input: unknown): string {
  return (JSON.stringify(input) ?? 'absent').slice(0, 40);
}

export async function segments(token: string | Promise<string>): Promise<[string, string, string]> {
  const [header = '', payload = '', signature = ''] = (await token).split('.');
  return [header, payload, signature];
}

/** The token with another signature segment. */
export async function resigned(
  token: string | Promise<string>,
  signature: (bytes: Buffer, segment: string) => Uint8Array | string,
): Promise<string> {
  const [header, payload, segment] = await segments(token);
  const other = signature(Buffer.from(segment, 'base64url'), segment);
  return `${header}.${payload}.${typeof other === 'string' ? other : base64url(other)}`;
}

/** Segments as they are given, really signed over that text. */
export async function signedOver(forge: Forge, header: string, payload: string): Promise<string> {
  const text = `${header}.${payload}`;
  return `${text}.${base64url(await rawSignature(forge.key, text))}`;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The same bytes, spelled with loose bits in the last character. */
export function loose(segment: string, bits = 1): string {
  const last = ALPHABET.indexOf(segment.at(-1) ?? 'A');
  return segment.slice(0, -1) + ALPHABET.charAt(last | bits);
}

/** A payload whose segment has loose bits to set: its length is 1 modulo 3. */
export function paddable(forge: Forge, jti: string): string {
  const claims = forge.claims(jti);
  for (const pad of ['', 'x', 'xx']) {
    const text = JSON.stringify({ ...claims, pad });
    if (text.length % 3 === 1) return text;
  }
  throw new Error('three lengths in a row');
}

/** Everything that could be taken for an HMAC secret of a registered public key (CVE-2016-10555). */
export function secretsOf(forge: Forge): Record<string, string | Buffer> {
  const jwk = publicOf(forge.key);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const pem = key.export({ type: 'spki', format: 'pem' }).toString();
  return {
    PEM: pem,
    'PEM without newline': pem.trimEnd(),
    DER: key.export({ type: 'spki', format: 'der' }),
    'JWK text': JSON.stringify(jwk),
    'raw bytes': Buffer.from(String(jwk['n'] ?? jwk['x']), 'base64url'),
    thumbprint: forge.sender.identity.jkt,
  };
}

/** An envelope "signed" by HMAC with `secret`. */
export async function hmacToken(
  forge: Forge,
  jti: string,
  alg: string,
  secret: string | Buffer,
): Promise<string> {
  const [header, payload] = await segments(forge.token(jti, { header: { alg } }));
  const mac = createHmac(`sha${alg.slice(2)}`, secret)
    .update(`${header}.${payload}`)
    .digest();
  return `${header}.${payload}.${base64url(mac)}`;
}

function hex(value: bigint): string {
  return value.toString(16).padStart(64, '0');
}

/** r and s at the edges of their range (CVE-2022-21449). */
export function edgeSignatures(): Record<string, Buffer> {
  const edges: readonly (readonly [string, bigint])[] = [
    ['0', 0n],
    ['1', 1n],
    ['n-1', P256_ORDER - 1n],
    ['n', P256_ORDER],
    ['n+1', P256_ORDER + 1n],
    ['2^256-1', 2n ** 256n - 1n],
  ];
  return Object.fromEntries(
    edges.flatMap(([r, rv]) =>
      edges.map(([s, sv]) => [`r=${r} s=${s}`, Buffer.from(hex(rv) + hex(sv), 'hex')]),
    ),
  );
}

function derInteger(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0);
  const body = bytes.subarray(Math.max(from, 0));
  const sign = (body[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.from([2, body.length + sign.length, ...sign, ...body]);
}

/** DER of an ES256 signature: what OpenSSL writes and JOSE does not take. */
export function der(raw: Buffer): Buffer {
  const body = Buffer.concat([derInteger(raw.subarray(0, 32)), derInteger(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

/** Sealed content whose visible header is exactly this. */
export async function sealedWith(
  forge: Forge,
  jti: string,
  change: (header: Record<string, unknown>) => unknown,
): Promise<string> {
  const [header = '', ...rest] = (await forge.sealed(jti)).split('.');
  const members = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  const other = change(members);
  const text = typeof other === 'string' ? other : JSON.stringify(other);
  return [base64url(text), ...rest].join('.');
}

/** An envelope around sealed content whose header members are changed; undefined removes one. */
export function sealedHeader(members: Record<string, unknown>): Make {
  return async (forge, jti) =>
    forge.around(jti, await sealedWith(forge, jti, (header) => ({ ...header, ...members })));
}

/** An envelope around sealed content whose five parts are changed. */
export function sealedParts(change: (parts: string[]) => readonly string[]): Make {
  return async (forge, jti) =>
    forge.around(jti, change((await forge.sealed(jti)).split('.')).join('.'));
}

/** Kinds of tokens that are no envelopes. */
export const OTHER_KINDS: readonly string[] = [
  ...Object.values(TYP).filter((typ) => typ !== TYP.envelope),
  'JWT',
  'jwt',
  'dpop+jwt',
  'secevent+jwt',
  'logout+jwt',
];
