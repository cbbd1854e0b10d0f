import { EXCHANGE_ID, isPartnerId, LEEWAY_SECONDS, Refused } from '../envelope/index.js';
import type { Session } from './session.js';
import { type PublishedJwks, tokenParts, verifyEnvelope } from './verify-token.js';

/** The claims of an envelope, after its signature held. */
export type ReceivedClaims = Readonly<Record<string, unknown>> & {
  readonly iss: string;
  readonly aud: string;
  readonly via: string;
  readonly jti: string;
  readonly exp: number;
  readonly type: string;
};

/** Keys are asked for again at most this often when an envelope names one that is not known. */
const ASK_AGAIN_MS = 5_000;
/** Keys are kept this long: a revoked one verifies nothing here after that. */
const KEEP_MS = 5 * 60_000;

interface Known {
  readonly jwks: Promise<PublishedJwks>;
  readonly askedAt: number;
}

/**
 * The public keys of those whom one partner hears from, fetched from its exchange and kept. Each
 * envelope is verified with them on this side too: that the exchange did it is not taken on trust.
 */
export class PeerKeys {
  readonly #known = new Map<string, Known>();

  constructor(private readonly session: Session) {}

  /**
   * Verifies that an envelope is its sender's, for this partner, of this exchange and in time. Throws
   * Refused, and ExchangeRefused (`not_found`) where there is no grant between the two.
   */
  async verify(envelope: string): Promise<ReceivedClaims> {
    const { kid, iss } = tokenParts(envelope);
    const claims = await verifyEnvelope(envelope, await this.of(iss, kid));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the exchange took it in this form
    const received = claims as ReceivedClaims;
    if (received.aud !== this.session.identity.id) throw new Refused('claims_invalid', 'aud');
    if (received.via !== (await this.session.exchange.issuer()))
      throw new Refused('claims_invalid', 'via');
    if (!(received.exp > Date.now() / 1000 - LEEWAY_SECONDS))
      throw new Refused('claims_invalid', 'exp');
    return received;
  }

  /** The keys of `id`, asked for anew when `kid` is not among those known. */
  async of(id: string, kid?: string): Promise<PublishedJwks> {
    const known = this.#kept(id) ?? this.#ask(id);
    const jwks = await known.jwks;
    const isThere = kid === undefined || jwks.keys.some((key) => key['kid'] === kid);
    if (isThere || Date.now() - known.askedAt < ASK_AGAIN_MS) return jwks;
    return this.#ask(id).jwks;
  }

  /** The keys that the exchange itself signs with. */
  exchange(kid?: string): Promise<PublishedJwks> {
    return this.of(EXCHANGE_ID, kid);
  }

  /** The keys of `id` as they are now. */
  refresh(id: string): Promise<PublishedJwks> {
    return this.#ask(id).jwks;
  }

  #kept(id: string): Known | undefined {
    const known = this.#known.get(id);
    return known !== undefined && Date.now() - known.askedAt < KEEP_MS ? known : undefined;
  }

  #ask(id: string): Known {
    if (!isPartnerId(id)) throw new Refused('claims_invalid', 'iss');
    const { exchange } = this.session;
    const jwks =
      id === EXCHANGE_ID
        ? exchange.call<PublishedJwks>('GET', '/.well-known/jwks.json')
        : this.session.call<PublishedJwks>('GET', `/v1/partners/${id}/jwks.json`);
    const known = { jwks, askedAt: Date.now() };
    this.#known.set(id, known);
    // What could not be fetched is asked for again next time.
    jwks.catch(() => this.#known.delete(id));
    return known;
  }
}
