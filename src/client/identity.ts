import {
  type AdmittedKey,
  generateKey,
  publicHalfOf,
  type PublicJwk,
  randomToken,
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
    private readonly encryptionKeys: readonly AdmittedKey[],
  ) {}

  /** Makes an identity of private JWKs; the first `sig` key signs. Throws Refused (`key_rejected`). */
  static async of(id: string, privateJwks: readonly PrivateJwk[]): Promise<Identity> {
    const signers = await Promise.all(
      privateJwks.filter((jwk) => jwk['use'] === 'sig').map((jwk) => SigningKey.import({ ...jwk })),
    );
    const encryptionKeys = await Promise.all(privateJwks.filter(isEncryption).map(publicHalfOf));
    return new Identity(partnerId(id, 'id'), signers, encryptionKeys);
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
        ...this.encryptionKeys.map((key) => key.jwk),
      ],
    };
  }

  /** Thumbprint of the key that signs. */
  get jkt(): Thumbprint {
    return this.#signer.jkt;
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
        this.encryptionKeys.map((key) =>
          this.#aboutKey(TYP.keyStatement, this.#signer, key, issuer),
        ),
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
    const { to, type, data, via, jti, txn, replyTo, orderingKey } = draft;
    return this.#signer.sign(TYP.envelope, {
      iss: this.id,
      aud: to,
      via,
      jti: jti ?? randomToken(16),
      ...lifetime(draft.lifetimeSeconds ?? DAY_SECONDS),
      type,
      data,
      ...(txn === undefined ? {} : { txn }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
      ...(orderingKey === undefined ? {} : { ordering_key: orderingKey }),
    });
  }

  /** Signs any claims as any kind: for tools and tests; what the exchange takes is in DESIGN.md. */
  sign(typ: string, claims: object | string): Promise<string> {
    return this.#signer.sign(typ, claims);
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
