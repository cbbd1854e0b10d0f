import { Injectable } from '@nestjs/common';
import { parseToken, randomToken, sha256Base64url, verifySignature } from '../crypto/index.js';
import {
  isPartnerId,
  OPERATOR_ID,
  type PartnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';
import { ExchangeKeys } from '../exchange-keys/index.js';
import { Clock, type Scope, Settings } from '../platform/index.js';

/** Also how long a token outlives nothing: partner and key are looked up again on every request. */
export const TOKEN_SECONDS = 600;
/** Longest Authorization header that is looked at, and longest token in it. */
export const MAX_TOKEN_BYTES = 8_192;
const MAX_CACHED_TOKENS = 2_048;
const JKT = /^[A-Za-z0-9_-]{43}$/;

/** Whom a token is for; whether they are still good is another question. */
export interface Bearer {
  readonly id: PartnerId;
  /** The key that authenticated for this token. */
  readonly jkt: Thumbprint;
  readonly scope: Scope;
  /** The key that has to prove each request with the token (RFC 9449); without it whoever has the token may use it. */
  readonly boundTo?: Thumbprint;
}

/** The scope that goes with an id: one each, and no more can be had. */
export function scopeOf(id: PartnerId): Scope {
  return id === OPERATOR_ID ? 'operator' : 'partner';
}

/** Makes and verifies access tokens (RFC 9068), with the exchange's own keys alone. */
@Injectable()
export class AccessTokens {
  readonly #verified = new Map<string, { bearer: Bearer; expMs: number }>();

  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly keys: ExchangeKeys,
  ) {}

  async issue({ id, jkt, scope, boundTo }: Bearer): Promise<string> {
    const iat = Math.floor(this.clock.now().getTime() / 1000);
    return this.keys.sign(TYP.accessToken, {
      iss: this.settings.issuer,
      sub: id,
      client_id: id,
      aud: this.settings.issuer,
      iat,
      exp: iat + TOKEN_SECONDS,
      jti: randomToken(16),
      scope,
      sealpost_jkt: jkt,
      ...(boundTo === undefined ? {} : { cnf: { jkt: boundTo } }),
    });
  }

  /** Throws Refused `unauthorized` for whatever is not a living token of this exchange. */
  async verify(token: string): Promise<Bearer> {
    // By digest: no token stays in memory, and no look-up compares one byte by byte.
    const name = await sha256Base64url(token);
    const known = this.#verified.get(name) ?? (await this.#verifyAnew(token));
    this.#verified.delete(name);
    if (known.expMs <= this.clock.now().getTime()) throw new Refused('unauthorized');
    this.#remember(name, known);
    return known.bearer;
  }

  async #verifyAnew(token: string): Promise<{ bearer: Bearer; expMs: number }> {
    try {
      const parsed = parseToken(token, { typ: TYP.accessToken, maxBytes: MAX_TOKEN_BYTES });
      const key = await this.keys.find(parsed.header.kid);
      if (key === undefined) throw new Refused('unauthorized');
      await verifySignature(parsed, key);
      return this.#read(parsed.payload);
    } catch (error) {
      // One answer: what exactly is wrong with a token helps only whoever did not get it from here.
      throw error instanceof Refused ? new Refused('unauthorized') : error;
    }
  }

  #read(claims: Record<string, unknown>): { bearer: Bearer; expMs: number } {
    const { iss, aud, sub, client_id: clientId, exp, scope, sealpost_jkt: jkt } = claims;
    const ours = iss === this.settings.issuer && aud === this.settings.issuer && clientId === sub;
    if (!ours || !isPartnerId(sub) || scope !== scopeOf(sub)) throw new Refused('unauthorized');
    if (!isThumbprint(jkt) || !Number.isSafeInteger(exp)) throw new Refused('unauthorized');
    const bearer = { id: sub, jkt, scope: scopeOf(sub), ...boundOf(claims['cnf']) };
    return { bearer, expMs: Number(exp) * 1000 };
  }

  #remember(name: string, known: { bearer: Bearer; expMs: number }): void {
    this.#verified.set(name, known);
    if (this.#verified.size <= MAX_CACHED_TOKENS) return;
    const oldest = this.#verified.keys().next();
    if (oldest.done !== true) this.#verified.delete(oldest.value);
  }
}

// RFC 9449 section 6.1. A confirmation of another kind is one that is not understood: no token for here.
function boundOf(cnf: unknown): Pick<Bearer, 'boundTo'> {
  if (cnf === undefined) return {};
  const jkt: unknown =
    typeof cnf === 'object' && cnf !== null ? Reflect.get(cnf, 'jkt') : undefined;
  if (!isThumbprint(jkt)) throw new Refused('unauthorized');
  return { boundTo: jkt };
}

function isThumbprint(value: unknown): value is Thumbprint {
  return typeof value === 'string' && JKT.test(value);
}
