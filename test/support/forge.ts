import { CompactEncrypt, type CompactJWEHeaderParameters, importJWK } from 'jose';
import { Identity, type PrivateJwk } from '../../src/client/index.js';
import { REASONS, type ReasonCode, TYP } from '../../src/envelope/index.js';
import type { Outcome, Partner } from './partner.js';
import { ISSUER, type World } from './world.js';

export type Claims = Record<string, unknown>;

export function base64url(input: string | Uint8Array): string {
  return Buffer.from(input).toString('base64url');
}

export function seconds(world: World): number {
  return Math.floor(world.clock.now().getTime() / 1000);
}

/** What a token is made of; every part may be given as it is, however wrong. */
export interface Parts {
  /** Merged into the honest header; undefined removes a member. */
  readonly header?: Claims;
  /** The header's text as it is, instead. */
  readonly headerText?: string | Uint8Array;
  /** The header's segment as it is, instead. */
  readonly headerSegment?: string;
  readonly claims?: Claims;
  readonly payloadText?: string | Uint8Array;
  readonly payloadSegment?: string;
  /** The key that signs, instead of the sender's. */
  readonly key?: PrivateJwk;
}

/** Writes envelopes of one sender that no honest client would write, really signed. */
export class Forge {
  constructor(
    readonly world: World,
    readonly sender: Partner,
    readonly recipient: Partner,
  ) {}

  get key(): PrivateJwk {
    const [first] = this.sender.keys;
    if (first === undefined) throw new Error('no key');
    return first;
  }

  header(key = this.key): Claims {
    return { typ: TYP.envelope, alg: key['alg'], kid: key['kid'] };
  }

  claims(jti: string): Claims {
    const now = seconds(this.world);
    return {
      iss: this.sender.id,
      aud: this.recipient.id,
      via: ISSUER,
      jti,
      iat: now,
      exp: now + 600,
      type: 'invoice.created',
      data: { n: 1 },
    };
  }

  /** A valid envelope with that `jti`, except for what `parts` say. */
  async token(jti: string, parts: Parts = {}): Promise<string> {
    const { key = this.key } = parts;
    const header =
      parts.headerSegment ??
      base64url(parts.headerText ?? JSON.stringify({ ...this.header(key), ...parts.header }));
    const payload =
      parts.payloadSegment ??
      base64url(parts.payloadText ?? JSON.stringify({ ...this.claims(jti), ...parts.claims }));
    return `${header}.${payload}.${base64url(await rawSignature(key, `${header}.${payload}`))}`;
  }

  /** The claims as JSON text with one value written as it is: for what JSON.stringify cannot write. */
  claimsText(jti: string, claim: string, text: string): string {
    const { [claim]: _left, ...claims } = this.claims(jti);
    return `${JSON.stringify(claims).slice(0, -1)},${JSON.stringify(claim)}:${text}}`;
  }

  /** A JWE for the recipient's first enc key, its header changed by `header`. */
  async sealed(jti: string, header: Claims = {}, key = encKeyOf(this.recipient)): Promise<string> {
    const { alg, kid } = key;
    return new CompactEncrypt(new TextEncoder().encode('only the recipient reads this'))
      .setProtectedHeader({
        alg,
        kid,
        enc: 'A256GCM',
        cty: TYP.message,
        iss: this.sender.id,
        aud: this.recipient.id,
        jti,
        ...header,
      } as CompactJWEHeaderParameters)
      .encrypt(await importJWK(publicOf(key), String(header['alg'] ?? alg)));
  }

  /** An envelope around sealed content. */
  async around(jti: string, sealed: unknown): Promise<string> {
    return this.token(jti, { claims: { data: undefined, sealed } });
  }
}

/** A signature by this key over any text: the text need not be a token. */
export async function rawSignature(key: PrivateJwk, text: string): Promise<Uint8Array> {
  const { use: _use, key_ops: _ops, ...material } = key;
  const algorithm = ALGORITHMS[String(key['alg'])];
  if (algorithm === undefined) throw new Error(`forge cannot sign ${String(key['alg'])}`);
  const imported = await importJWK({ ...material, kty: String(key['kty']) }, String(key['alg']));
  if (imported instanceof Uint8Array) throw new Error('a symmetric key');
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.sign(algorithm, imported, bytes));
}

const ALGORITHMS: Readonly<Record<string, Parameters<typeof crypto.subtle.sign>[0]>> = {
  Ed25519: 'Ed25519',
  EdDSA: 'Ed25519',
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', saltLength: 32 },
  RS256: 'RSASSA-PKCS1-v1_5',
};

export function encKeyOf(partner: Partner): PrivateJwk {
  const key = partner.keys.find((one) => one['use'] === 'enc');
  if (key === undefined) throw new Error('no enc key');
  return key;
}

const PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'priv']);

export function publicOf(key: PrivateJwk): Record<string, unknown> & { kty: string } {
  const members = Object.entries(key).filter(([member]) => !PRIVATE.has(member));
  return { ...Object.fromEntries(members), kty: String(key['kty']) };
}

/** The (r, n-s) twin of an ES256 token: another token that the same key holds for. */
export function twinOf(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const twin = (P256_ORDER - s).toString(16).padStart(64, '0');
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(twin, 'hex')]);
  return `${header}.${payload}.${other.toString('base64url')}`;
}

export const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Posts a body as it is to `POST /v1/envelopes`. */
export async function post(
  url: string,
  body: string | Uint8Array,
  type = 'application/jwt',
  token?: string,
): Promise<Outcome> {
  const response = await fetch(`${url}/v1/envelopes`, {
    method: 'POST',
    headers: {
      'content-type': type,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const answer = (await response.json()) as Claims;
  return { ...answer, status: response.status };
}

/** Tables in which a refused envelope could leave something, with their rows but for those of what the exchange tells of itself. */
export async function leftBehind(world: World): Promise<Record<string, string>> {
  const [counts = {}] = await world.rows<Record<string, string>>(`
    select (select count(*) from identity where iss <> 'sealpost') as identity,
      (select count(*) from envelope where iss <> 'sealpost') as envelope,
      (select count(*) from delivery where sender <> 'sealpost') as delivery,
      (select count(*) from attempt a join delivery d on d.id = a.delivery_id
        where d.sender <> 'sealpost') as attempt,
      (select count(*) from receipt where sender <> 'sealpost') as receipt`);
  return counts;
}

/** What the answer to a refusal looks like: the status is the one that goes with the code. */
export function refusal(code: ReasonCode): { status: number; code: ReasonCode } {
  return { status: REASONS[code].status, code };
}

/** A new key pair that the exchange has never seen. */
export async function strangersKey(
  alg: 'Ed25519' | 'ES256' | 'PS256' = 'Ed25519',
): Promise<PrivateJwk> {
  return (await Identity.generateKey('sig', alg)).privateJwk;
}
