import { IsIn, IsString, Matches, MaxLength } from 'class-validator';
import { KeySummary } from '../keys.dto.js';

/** Where a partner publishes its JWK Set. */
export class KeySourceBody {
  /**
   * By https, at an address that is public; not at this exchange.
   * @example "https://acme.example/jwks.json"
   */
  @IsString()
  @MaxLength(2_048)
  declare jwksUri: string;
}

/** A key that was seen in a partner's set and is not the partner's yet. */
export class PendingKeyView extends KeySummary {
  declare jwk: Record<string, unknown>;
  declare seenAt: Date;
}

export class PendingKeysView {
  declare items: PendingKeyView[];
}

/** How the set at a partner's URL stands. */
export class KeySourceView {
  /** @example "https://acme.example/jwks.json" */
  declare jwksUri: string;

  /** `failing`: the last fetch brought nothing. Keys from the set serve until `goodUntil`. */
  @IsIn(['new', 'good', 'failing'])
  declare status: 'new' | 'good' | 'failing';

  fetchedAt?: Date;

  /** When keys that came from the set end, unless it is fetched again before. */
  goodUntil?: Date;

  declare nextFetchAt: Date;

  /** New in the set: each waits for `POST /v1/keys` with a statement, or for the operator. */
  declare pending: PendingKeyView[];
}

export class ApproveKeyBody {
  /**
   * The thumbprint of the key that is meant: what waits under a `kid` may have changed meanwhile.
   * @example "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
   */
  @Matches(/^[A-Za-z0-9_-]{43}$/)
  declare jkt: string;
}
