import {
  type AdmittedKey,
  type ContentEnc,
  generateKey,
  OpeningKey,
  publicHalfOf,
  type PublicJwk,
  randomToken,
  seal,
  type SealAlg,
  type SignAlg,
  SigningKey,
} from '../crypto/index.js';
import {
  isKeyId,
  type KeyId,
  MAX_PROOF_SECONDS,
  type PartnerId,
  partnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';

/** A private JWK as it is kept in a file: `kid`, `use` and `alg` besides the key's own members. */
export type PrivateJwk = Readonly<Record<string, unknown>>;

/** What an envelope says; `jti`, `iat` and `exp` are filled in. */
export interface EnvelopeDraft {
  /** The recipient's partner id. */
  readonly to: string;
  readonly type: string;
  readonly data: unknown;
  /** The exchange's issuer URL. */
  readonly via: string;
  /** Default: 128 random bits. Sending the same one again with other content is refused. */
  readonly jti?: string;
  /** Default: one day. At most seven. */
  readonly lifetimeSeconds?: number;
  readonly txn?: string;
  readonly replyTo?: { readonly iss: string; readonly jti: string };
  readonly orderingKey?: string;
}

/** How a content is sealed; the defaults are good. */
export interface SealingChoice {
  /** A256GCM unless told otherwise. */
  readonly enc?: ContentEnc;
  /**
   * The `sig` key that signs the message inside, unless it is the one that signs the envelope: e.g. one of
   * ML-DSA for evidence that has to last.
   */
  readonly messageKid?: string;
}

/** The body of `POST /v1/partners`. */
export interface Registration {
  readonly id: string;
  readonly name: string;
  readonly contact: string;
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  readonly proofs: readonly string[];
  readonly statements: readonly string[];
  readonly invite?: string;
}

const ASSERTION_SECONDS = 60;
const DAY_SECONDS = 24 * 60 * 60;

/**
 * A partner with its own signing keys, and everything that is signed with them. The keys never leave
 * this object: what goes out is public halves and signatures.
 */
export class Identity {
  private constructor(
    readonly id: PartnerId,
    private readonly signers: readonly SigningKey[],
    private readonly openingKeys: readonly OpeningKey[],
  ) {}

  /** Makes an identity of private JWKs; the first `sig` key signs. Throws Refused (`key_rejected`). */
  static async of(id: string, privateJwks: readonly PrivateJwk[]): Promise<Identity> {
    const signers = await Promise.all(
      privateJwks.filter((jwk) => jwk['use'] === 'sig').map((jwk) => SigningKey.import({ ...jwk })),
    );
    const openingKeys = await Promise.all(
      privateJwks.filter(isEncryption).map((jwk) => OpeningKey.import({ ...jwk })),
    );
    return new Identity(partnerId(id, 'id'), signers, openingKeys);
  }

  /** A new key pair; keep `privateJwk` as you keep a password. */
  static generateKey(
    use: 'sig' | 'enc',
    alg: SignAlg | SealAlg,
    options: { kid?: string; crv?: 'P-256' | 'X25519' } = {},
  ): Promise<{ privateJwk: PrivateJwk; publicJwk: PublicJwk; jkt: Thumbprint }> {
    const { kid, crv } = options;
    if (kid !== undefined && !isKeyId(kid)) throw new Refused('key_rejected', 'kid');
    return generateKey(use, alg, {
      ...(crv === undefined ? {} : { crv }),
      ...(kid === undefined ? {} : { kid }),
    });
  }

  /** The public halves, as a JWK Set. */
  get jwks(): { readonly keys: readonly PublicJwk[] } {
    return {
      keys: [
        ...this.signers.map((key) => key.publicJwk),
        ...this.openingKeys.map((key) => key.publicJwk),
      ],
    };
  }

  /** Thumbprint of the key that signs. */
  get jkt(): Thumbprint {
    return this.#signer.jkt;
  }

  /** The own key that opens what is sealed to this `kid`; undefined when there is none. */
  openingKey(kid: string): OpeningKey | undefined {
    return this.openingKeys.find((key) => key.kid === kid);
  }

  /** Everything that registration asks for: a proof by each `sig` key, a statement for each `enc` key. */
  async registration(
    profile: { name: string; contact: string; invite?: string },
    issuer: string,
  ): Promise<Registration> {
    const { jwks } = this;
    return {
      id: this.id,
      name: profile.name,
      contact: profile.contact,
      jwks,
      proofs: await Promise.all(
        this.signers.map((key) => this.#aboutKey(TYP.keyProof, key, key, issuer)),
      ),
      statements: await Promise.all(
        this.openingKeys.map((key) => this.#aboutKey(TYP.keyStatement, this.#signer, key, issuer)),
      ),
      ...(profile.invite === undefined ? {} : { invite: profile.invite }),
    };
  }

  /** The body of `POST /v1/keys` for a key that this identity holds besides its first one. */
  async newKey(
    privateJwk: PrivateJwk,
    issuer: string,
  ): Promise<{ jwk: PublicJwk; proof?: string; statement: string }> {
    if (isEncryption(privateJwk)) {
      const key = await publicHalfOf(privateJwk);
      return {
        jwk: key.jwk,
        statement: await this.#aboutKey(TYP.keyStatement, this.#signer, key, issuer),
      };
    }
    const key = await SigningKey.import({ ...privateJwk });
    return {
      jwk: key.publicJwk,
      proof: await this.#aboutKey(TYP.keyProof, key, key, issuer),
      statement: await this.#aboutKey(TYP.keyStatement, this.#signer, key, issuer),
    };
  }

  /** A client assertion for `POST /oauth/token` (RFC 7523): good once, for a minute. */
  assertion(issuer: string): Promise<string> {
    return this.#signer.sign(TYP.clientAuthentication, {
      iss: this.id,
      sub: this.id,
      aud: issuer,
      jti: randomToken(16),
      ...lifetime(ASSERTION_SECONDS),
    });
  }

  /** One envelope for one recipient: a compact JWT, ready for `POST /v1/envelopes`. */
  envelope(draft: EnvelopeDraft): Promise<string> {
    return this.#signer.sign(TYP.envelope, { ...this.#routing(draft), data: draft.data });
  }

  /**
   * The same, with the content signed once more on its own and sealed to a key of the recipient. That it
   * is the recipient's is for the caller to know: `Directory.sealingKey` does.
   */
  async sealedEnvelope(
    draft: EnvelopeDraft,
    to: AdmittedKey,
    { enc, messageKid }: SealingChoice = {},
  ): Promise<string> {
    const routing = this.#routing(draft);
    const { iss, aud, via, jti, iat, exp, type } = routing;
    const bound = { iss, aud, via, jti, iat, exp, type };
    const message = await this.#signerOf(messageKid).sign(TYP.message, {
      ...bound,
      data: draft.data,
    });
    const sealed = await seal(message, {
      to,
      replicated: { iss, aud, jti },
      ...(enc === undefined ? {} : { enc }),
    });
    return this.#signer.sign(TYP.envelope, { ...routing, sealed });
  }

  /** Signs any claims as any kind: for tools and tests; what the exchange takes is in DESIGN.md. */
  sign(typ: string, claims: object | string): Promise<string> {
    return this.#signer.sign(typ, claims);
  }

  #routing(draft: EnvelopeDraft) {
    const { to, type, via, jti, txn, replyTo, orderingKey } = draft;
    return {
      iss: this.id,
      aud: partnerId(to, 'to'),
      via,
      jti: jti ?? randomToken(16),
      ...lifetime(draft.lifetimeSeconds ?? DAY_SECONDS),
      type,
      ...(txn === undefined ? {} : { txn }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
      ...(orderingKey === undefined ? {} : { ordering_key: orderingKey }),
    };
  }

  #signerOf(kid: string | undefined): SigningKey {
    if (kid === undefined) return this.#signer;
    const found = this.signers.find((key) => key.kid === kid);
    if (found === undefined) throw new Error(`${this.id} has no key ${kid} that signs`);
    return found;
  }

  get #signer(): SigningKey {
    const [first] = this.signers;
    if (first === undefined) throw new Error(`${this.id} has no key that signs`);
    return first;
  }

  #aboutKey(
    typ: string,
    signer: SigningKey,
    key: { kid: KeyId; jkt: Thumbprint },
    issuer: string,
  ): Promise<string> {
    return signer.sign(typ, {
      iss: this.id,
      sub: this.id,
      aud: issuer,
      jti: randomToken(16),
      kid: key.kid,
      jkt: key.jkt,
      ...lifetime(MAX_PROOF_SECONDS / 2),
    });
  }
}

function lifetime(seconds: number): { iat: number; exp: number } {
  const iat = Math.floor(Date.now() / 1000);
  return { iat, exp: iat + seconds };
}

function isEncryption(jwk: PrivateJwk): boolean {
  return jwk['use'] === 'enc';
}
