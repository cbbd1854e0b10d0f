import type { Kysely } from 'kysely';
import type { PartnerId } from '../envelope/index.js';
import type { Tables } from '../platform/index.js';

export interface NewInvite {
  readonly tokenSha256: Uint8Array;
  readonly partnerId: PartnerId;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function insertInvite(db: Kysely<Tables>, invite: NewInvite): Promise<void> {
  await db
    .insertInto('invite')
    .values({
      token_sha256: invite.tokenSha256,
      partner_id: invite.partnerId,
      created_at: invite.createdAt,
      expires_at: invite.expiresAt,
      used_at: null,
    })
    .execute();
}

export interface InviteShown {
  readonly tokenSha256: Uint8Array;
  readonly partnerId: PartnerId;
  readonly now: Date;
}

/** Whether it would hold now. Only useInvite decides. */
export async function inviteHolds(db: Kysely<Tables>, shown: InviteShown): Promise<boolean> {
  const row = await db
    .selectFrom('invite')
    .select('partner_id')
    .where('token_sha256', '=', shown.tokenSha256)
    .where('partner_id', '=', shown.partnerId)
    .where('used_at', 'is', null)
    .where('expires_at', '>', shown.now)
    .executeTakeFirst();
  return row !== undefined;
}

/** True once for each invite, to the first of any number of callers whose transaction commits. */
export async function useInvite(tx: Kysely<Tables>, shown: InviteShown): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('invite')
    .set({ used_at: shown.now })
    .where('token_sha256', '=', shown.tokenSha256)
    .where('partner_id', '=', shown.partnerId)
    .where('used_at', 'is', null)
    .where('expires_at', '>', shown.now)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}
