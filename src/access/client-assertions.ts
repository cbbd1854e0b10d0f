import { Injectable } from '@nestjs/common';
import { type PublicJwk, VerificationKey } from '../crypto/index.js';
import {
  isPartnerId,
  type KeyId,
  LEEWAY_SECONDS,
  OPERATOR_ID,
  type PartnerId,
  Refused,
  type Thumbprint,
  TYP,
} from '../envelope/index.js';
import { OperatorKeys } from '../exchange-keys/index.js';
import { PartnerStanding, UsedTokens } from '../partners/index.js';
import { Clock, Settings } from '../platform/index.js';
import { peekProof, verifyProof } from '../verify/index.js';
import { invalidClient } from './oauth-error.js';

const KIND = { typ: TYP.clientAuthentication, optionalTyp: true } as const;
/** A pending registration reserves nothing, so any number may claim one id and one kid. */
const MAX_CANDIDATES = 16;

/** A client that holds the key it claims to hold. Its assertion is not used up yet. */
export interface Client {
  readonly id: PartnerId;
  readonly jkt: Thumbprint;
  /** Whether the operator lets it have bound tokens only (RFC 9449). */
  readonly dpopRequired: boolean;
  readonly assertion: { readonly jti: string; readonly exp: Date };
}

interface Claimed {
  readonly id: PartnerId;
  readonly kid: KeyId;
}

interface CandidateKey {
  readonly jwk: PublicJwk;
  readonly jkt: Thumbprint;
  readonly dpopRequired?: boolean;
}

/** Authenticates partners and the operator by private_key_jwt (RFC 7523bis): one answer to all that fails. */
@Injectable()
export class ClientAssertions {
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
    private readonly operators: OperatorKeys,
    private readonly partners: PartnerStanding,
    private readonly used: UsedTokens,
  ) {}

  /** Verifies signature and claims. Throws invalid_client when any of it does not hold. */
  async verify(assertion: string, clientId: string | undefined): Promise<Client> {
    const claimed = readClaimed(assertion);
    if (clientId !== undefined && clientId !== claimed.id) throw invalidClient();
    for (const key of await this.#candidates(claimed)) {
      const client = await this.#verifyBy(key, assertion, claimed.id);
      if (client !== undefined) return client;
    }
    throw invalidClient();
  }

  /** Uses the assertion up: of any number of requests with it, in any process, one passes. */
  async spend(client: Client): Promise<void> {
    const { jti, exp } = client.assertion;
    // It passes for the leeway after its exp, so it has to be remembered as long.
    const until = new Date(exp.getTime() + LEEWAY_SECONDS * 1000);
    // By key and not by id: whoever registers under somebody's id cannot use up their jti.
    if (!(await this.used.use(`assertion:${client.jkt}`, jti, until))) throw invalidClient();
  }

  async #candidates({ id, kid }: Claimed): Promise<readonly CandidateKey[]> {
    if (id !== OPERATOR_ID) return firstOnes(await this.partners.candidates(id, kid));
    const key = await this.operators.find(kid);
    return key === undefined ? [] : [key];
  }

  async #verifyBy(
    { jwk, jkt, dpopRequired = false }: CandidateKey,
    assertion: string,
    id: PartnerId,
  ): Promise<Client | undefined> {
    try {
      const key = await VerificationKey.import(jwk, jkt);
      const proven = await verifyProof(assertion, {
        ...KIND,
        key,
        iss: id,
        sub: id,
        // RFC 7523bis: the issuer as the sole value, a string or an array of one (CVE-2025-27370).
        aud: this.settings.issuer,
        audMayBeArray: true,
        iatOptional: true,
        now: this.clock.now(),
      });
      return { id, jkt, dpopRequired, assertion: proven };
    } catch (error) {
      if (error instanceof Refused) return undefined;
      throw error;
    }
  }
}

/** What the assertion says of itself, so that the keys to try are known. Nothing of it is believed. */
function readClaimed(assertion: string): Claimed {
  try {
    const { header, payload } = peekProof(assertion, KIND);
    const id = payload['sub'];
    if (isPartnerId(id)) return { id, kid: header.kid };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
  throw invalidClient();
}

// The approved one first: nobody keeps a partner out by registering under its id.
function firstOnes<T extends { readonly status: string }>(candidates: readonly T[]): readonly T[] {
  const pending = candidates.filter((key) => key.status === 'pending');
  const approved = candidates.filter((key) => key.status !== 'pending');
  return [...approved, ...pending].slice(0, MAX_CANDIDATES);
}
