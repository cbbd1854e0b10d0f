import { Injectable } from '@nestjs/common';
import type { Kysely } from 'kysely';
import { Database, type Tables } from '../platform/index.js';

/** A `jti` that may be used once by its issuer. */
export interface OneTime {
  readonly issuer: string;
  readonly jti: string;
  readonly expiresAt: Date;
}

/** Remembers the `jti` of proofs, statements and client assertions, so that each holds once. */
@Injectable()
export class UsedTokens {
  constructor(private readonly database: Database) {}

  /**
   * True for the first that uses this `jti`, false for all others, however many do it at once.
   *
   * With a transaction as `db` it is used up only if that commits.
   */
  use(issuer: string, jti: string, expiresAt: Date, db?: Kysely<Tables>): Promise<boolean> {
    return this.useAll([{ issuer, jti, expiresAt }], db);
  }

  /** True when every one of them was new, and they differ from each other. */
  async useAll(tokens: readonly OneTime[], db?: Kysely<Tables>): Promise<boolean> {
    if (tokens.length === 0) return true;
    const { numInsertedOrUpdatedRows } = await (db ?? this.database.db)
      .insertInto('used_token')
      .values(tokens.map(({ issuer, jti, expiresAt }) => ({ issuer, jti, expires_at: expiresAt })))
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    return numInsertedOrUpdatedRows === BigInt(tokens.length);
  }
}
