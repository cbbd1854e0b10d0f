import { Injectable } from '@nestjs/common';
import { sha256 } from '../../crypto/index.js';
import { Egress, type EgressAnswer, EgressFault } from '../../egress/index.js';
import { JsonFault, parseStrictJson, type PartnerId, Refused } from '../../envelope/index.js';
import { Settings } from '../../platform/index.js';

/** Sixteen of the largest keys there are, and room. */
const MAX_BYTES = 65_536;
const TIMEOUT_MS = 5_000;
const DEFAULT_FRESH_MS = 3_600_000;
const MEDIA_TYPE = /^application\/(?:json|jwk-set\+json)\s*(?:;|$)/i;

/** Why a set was not had: a fixed word, nothing of the other side. */
export class KeySetFault extends Error {
  constructor(readonly reason: string) {
    super(`The key set was not had: ${reason}`);
  }
}

/** What is known of the set already. */
export interface Known {
  readonly etag?: string | null;
  readonly sha256?: Uint8Array | null;
}

export interface FetchedSet {
  /** The set as JSON, not judged; undefined: the same as before. */
  readonly json: unknown;
  readonly etag: string | null;
  readonly sha256: Uint8Array | null;
  /** Until when it need not be asked for again, by its own word, within our bounds. */
  readonly freshMs: number;
}

/** Fetches a partner's JWK Set through the guard: JSON only, 64 KiB at most, no redirect followed. */
@Injectable()
export class FetchKeySet {
  constructor(
    private readonly egress: Egress,
    private readonly settings: Settings,
  ) {}

  /**
   * The URL as it is stored and fetched. Throws Refused `url_rejected`; also for this exchange's own, where
   * every partner's set is.
   */
  async admitUrl(text: unknown): Promise<string> {
    const href = await this.egress.admitUrl(text);
    if (new URL(href).host === new URL(this.settings.issuer).host)
      throw new Refused('url_rejected', 'it is the exchange itself');
    return href;
  }

  /** Throws KeySetFault. */
  async run(url: string, owner: PartnerId, known: Known = {}): Promise<FetchedSet> {
    const answer = await this.#get(url, owner, known.etag ?? undefined);
    const freshMs = this.#freshMs(answer);
    const unchanged = { json: undefined, etag: known.etag ?? null, freshMs };
    if (answer.status === 304 && known.etag) return { ...unchanged, sha256: known.sha256 ?? null };
    const json = readJson(answer);
    const digest = await sha256(answer.body);
    const etag = answer.headers['etag'] ?? null;
    const same = known.sha256 && Buffer.compare(known.sha256, digest) === 0;
    return { json: same ? undefined : json, etag, sha256: digest, freshMs };
  }

  async #get(url: string, owner: PartnerId, etag: string | undefined): Promise<EgressAnswer> {
    try {
      return await this.egress.get(url, {
        headers: {
          accept: 'application/jwk-set+json, application/json',
          'user-agent': 'Sealpost/1',
          ...(etag === undefined ? {} : { 'if-none-match': etag }),
        },
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        poolKey: owner,
      });
    } catch (error) {
      if (error instanceof EgressFault) throw new KeySetFault(error.reason);
      throw error;
    }
  }

  /** RFC 9111 section 5.2.2, as far as it says how long; our bounds beat it. */
  #freshMs({ headers }: EgressAnswer): number {
    const { JWKS_REFRESH_MIN_MS: least, JWKS_REFRESH_MAX_MS: most } = this.settings;
    const caching = headers['cache-control'] ?? '';
    const [, maxAge] = /(?:^|[\s,])max-age=(\d{1,9})/i.exec(caching) ?? [];
    const ageMs = Number(headers['age'] ?? 0) * 1000 || 0;
    const said = maxAge === undefined ? DEFAULT_FRESH_MS : Number(maxAge) * 1000 - ageMs;
    const wanted = /(?:^|[\s,])no-(?:store|cache)/i.test(caching) ? 0 : said;
    return Math.min(Math.max(wanted, least), most);
  }
}

function readJson({ status, headers, body, truncated }: EgressAnswer): unknown {
  if (status !== 200) throw new KeySetFault(`http_${status}`);
  if (truncated) throw new KeySetFault('too_large');
  if (!MEDIA_TYPE.test(headers['content-type'] ?? '')) throw new KeySetFault('not_json');
  try {
    return parseStrictJson(body);
  } catch (error) {
    if (error instanceof JsonFault) throw new KeySetFault('not_json');
    throw error;
  }
}
