import type { AdmittedKey } from '../crypto/index.js';
import {
  EXCHANGE_ID,
  isPartnerId,
  type KeyId,
  type PartnerId,
  Refused,
  Rejected,
  TYP,
} from '../envelope/index.js';
import { type PartnerKey, type Relation, Trust } from '../verify/index.js';
import { ExchangeRefused } from './exchange.js';
import { PeerKeys } from './peer-keys.js';
import { type Patience, patiently } from './patience.js';
import { MemoryPins, type PinStore } from './pins.js';
import type { Session } from './session.js';
import { exchangeKey, type TrustedKey, trustedKeys } from './trusted-keys.js';
import {
  type PublishedJwks,
  type ReceiptClaims,
  tokenParts,
  verifyReceipt,
} from './verify-token.js';

export interface DirectoryOptions {
  /** Where it stands which keys are whose. In memory unless told otherwise. */
  readonly pins?: PinStore;
  /** Default true: who was never seen is believed once. With false, only pinned keys and what they state. */
  readonly trustOnFirstUse?: boolean;
}

/** Shorter than an endpoint has to answer: who waits longer comes again. */
const PATIENCE: Patience = { tries: 5, firstWaitMs: 100, longestWaitMs: 2_000 };

/**
 * The partners that one partner deals with, and which keys are theirs: fetched from the exchange, kept, and
 * believed only so far as pins and key statements reach. Give one to Sender and Receiver to share it.
 */
export class Directory extends Trust {
  readonly peers: PeerKeys;
  readonly #pins: PinStore;
  readonly #trustOnFirstUse: boolean;
  readonly #trusted = new WeakMap<PublishedJwks, Promise<ReadonlyMap<string, TrustedKey>>>();

  constructor(
    readonly session: Session,
    { pins = new MemoryPins(), trustOnFirstUse = true }: DirectoryOptions = {},
  ) {
    super();
    this.peers = new PeerKeys(session);
    this.#pins = pins;
    this.#trustOnFirstUse = trustOnFirstUse;
  }

  /** The exchange's issuer URL. */
  issuer(): Promise<string> {
    return patiently(PATIENCE, () => this.session.exchange.issuer());
  }

  /** A key of `owner`; Rejected (`peer_unknown`) when the exchange lists it and nobody vouches for it. */
  override async key(owner: PartnerId, kid: KeyId): Promise<PartnerKey | undefined> {
    const own = owner === this.session.identity.id ? this.#ownKey(kid) : undefined;
    if (own !== undefined) return own;
    if (owner === EXCHANGE_ID)
      return exchangeKey(await this.#listed(() => this.peers.exchange(kid)), kid);
    const jwks = await this.#listed(() => this.peers.of(owner, kid));
    const trusted = (await this.#trust(owner, jwks)).get(kid);
    if (trusted === undefined && jwks.keys.some((key) => key['kid'] === kid))
      throw new Rejected('peer_unknown', 'kid');
    return trusted;
  }

  /** Grants are the exchange's to judge: what came was let through by it. */
  override async relation(): Promise<Relation> {
    const grant = { types: ['*'], sealedOnly: false };
    return { sender: 'active', recipient: 'active', grant };
  }

  /**
   * The key that contents for `recipient` are sealed to: of those that it states and that are active, the
   * one stated last. With `refresh` as the exchange lists them now. Throws Rejected (`peer_unknown`).
   */
  async sealingKey(recipient: string, refresh = false): Promise<AdmittedKey> {
    if (!isPartnerId(recipient)) throw new Refused('claims_invalid', 'aud');
    const jwks = await this.#listed(() =>
      refresh ? this.peers.refresh(recipient) : this.peers.of(recipient),
    );
    const keys = [...(await this.#trust(recipient, jwks)).values()];
    const [newest] = keys.filter(isForSealing).toSorted((a, b) => b.statedAt - a.statedAt);
    if (newest === undefined) throw new Rejected('peer_unknown', 'no enc key');
    return newest.admitted;
  }

  /**
   * Verifies a receipt of the exchange, or of a partner, and with `envelope` that it speaks of these bytes.
   * Throws Refused or Rejected.
   */
  async verifyReceipt(receipt: string, envelope?: string): Promise<ReceiptClaims> {
    const { iss, kid } = tokenParts(receipt, TYP.receipt);
    const jwks = isPartnerId(iss)
      ? await this.#vouched(iss, kid)
      : await patiently(PATIENCE, () => this.peers.exchange(kid));
    const issuer = isPartnerId(iss) ? iss : await this.issuer();
    return verifyReceipt(receipt, jwks, {
      issuer,
      ...(envelope === undefined ? {} : { envelope }),
    });
  }

  async #vouched(owner: PartnerId, kid: string): Promise<PublishedJwks> {
    const jwks = await this.#listed(() => this.peers.of(owner, kid));
    const trusted = (await this.#trust(owner, jwks)).get(kid);
    if (trusted === undefined) throw new Rejected('peer_unknown', 'kid');
    return { keys: [trusted.jwk] };
  }

  #ownKey(kid: KeyId): PartnerKey | undefined {
    const key = this.session.identity.openingKey(kid);
    if (key === undefined) return undefined;
    const { use, jkt, jwk } = key.admitted;
    return { kid, use, jkt, jwk, status: 'active', notBefore: null, notAfter: null };
  }

  async #trust(owner: PartnerId, jwks: PublishedJwks): Promise<ReadonlyMap<string, TrustedKey>> {
    const known = this.#trusted.get(jwks);
    if (known !== undefined) return known;
    const issuer = await this.issuer();
    const rules = { pins: this.#pins, trustOnFirstUse: this.#trustOnFirstUse, issuer };
    const made = trustedKeys(owner, jwks, rules);
    this.#trusted.set(jwks, made);
    return made;
  }

  async #listed(ask: () => Promise<PublishedJwks>): Promise<PublishedJwks> {
    try {
      return await patiently(PATIENCE, ask);
    } catch (error) {
      // No such partner, or none that this one deals with: the exchange does not say which.
      if (error instanceof ExchangeRefused && error.problem.status === 404)
        throw new Rejected('peer_unknown', 'not listed');
      throw error;
    }
  }
}

function isForSealing({ use, status, notBefore, notAfter }: TrustedKey): boolean {
  const now = new Date();
  if (use !== 'enc' || status !== 'active') return false;
  return (notBefore === null || notBefore <= now) && (notAfter === null || notAfter > now);
}
