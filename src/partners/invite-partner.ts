import { Injectable } from '@nestjs/common';
import { randomToken, sha256 } from '../crypto/index.js';
import { isReservedId, type PartnerId, Refused } from '../envelope/index.js';
import { type Caller, Clock, Database, Log } from '../platform/index.js';
import { record } from './audit.store.js';
import { insertInvite } from './invite.store.js';
import type { InviteView } from './operator.dto.js';

/** Makes invites: 32 random bytes that are shown once and kept as their digest. */
@Injectable()
export class InvitePartner {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async run(by: Caller, id: PartnerId, expiresInSeconds: number): Promise<InviteView> {
    if (isReservedId(id)) throw new Refused('validation_failed', 'id is reserved');
    const createdAt = this.clock.now();
    const expiresAt = new Date(createdAt.getTime() + expiresInSeconds * 1000);
    const invite = randomToken();
    const tokenSha256 = await sha256(invite);
    await this.database.db.transaction().execute(async (tx) => {
      await insertInvite(tx, { tokenSha256, partnerId: id, createdAt, expiresAt });
      const change = { by, at: createdAt, partner: id, target: id, to: { expiresAt } };
      await record(tx, { ...change, action: 'invite.created' });
    });
    this.log.step('partner.invited', { partnerId: id, expiresAt });
    return { id, invite, expiresAt };
  }
}
