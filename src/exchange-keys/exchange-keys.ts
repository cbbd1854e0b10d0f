import { Injectable } from '@nestjs/common';
import {
  admitKey,
  type AdmittedKey,
  parseToken,
  VerificationKey,
  verifySignature,
} from '../crypto/index.js';
import { Broken, type KeyId } from '../envelope/index.js';
import type { Clock, Database, Log, Settings } from '../platform/index.js';
import { allExchangeKeys, findInService, noteInService } from './exchange-key.store.js';
import { loadOwnKeys, type OwnKeys } from './own-keys.js';

/** How often a process that signs says so in the ledger. */
const NOTE_MS = 60_000;
/** An access token lives ten minutes and its key was noted at most NOTE_MS before; the rest is for clocks. */
const IN_SERVICE_MS = 15 * 60_000;
/** How long a key of another process is believed to be in service without asking again. */
const BELIEVE_MS = 60_000;

export interface PublishedKeys {
  readonly keys: readonly object[];
}

/** The exchange's own keys: signs what it states, and publishes every key it ever signed with. */
@Injectable()
export class ExchangeKeys {
  readonly #elsewhere = new Map<KeyId, { key: VerificationKey; until: number }>();
  #notedAt: number;

  private constructor(
    private readonly own: OwnKeys,
    private readonly here: ReadonlyMap<KeyId, VerificationKey>,
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.#notedAt = clock.now().getTime();
  }

  /**
   * Loads the keys, or makes them at first start of the embedded default, and puts their public
   * halves into the ledger. Throws Broken with one line that names the setting or the file.
   */
  static async open(
    this: void,
    settings: Settings,
    database: Database,
    clock: Clock,
    log: Log,
  ): Promise<ExchangeKeys> {
    const own = await loadOwnKeys(settings, log);
    const taken = await noteInService(database.db, publicJwks(own), clock.now());
    if (taken.length > 0)
      throw new Broken(`EXCHANGE_JWKS: kid ${taken[0]} stood for another key before`);
    const here = await Promise.all(
      own.all.map(
        async (key) => [key.kid, await VerificationKey.import(key.publicJwk, key.jkt)] as const,
      ),
    );
    return new ExchangeKeys(own, new Map(here), database, clock, log);
  }

  /** A JWT of this kind by the exchange, ES256: receipts, access tokens, its own envelopes. */
  async sign(typ: string, claims: object): Promise<string> {
    this.#noteNow();
    return this.own.statements.sign(typ, claims);
  }

  /** A JWT of this kind by the exchange, Ed25519: hop signatures. */
  async signHop(typ: string, claims: object): Promise<string> {
    this.#noteNow();
    return this.own.hops.sign(typ, claims);
  }

  /**
   * All public keys the exchange ever signed with; `nbf` is when each was first in service,
   * `sealpost_last_used` when it last was: nothing honest that it signed is younger.
   */
  async published(): Promise<PublishedKeys> {
    const rows = await allExchangeKeys(this.database.db);
    return {
      keys: rows.map(({ jwk, first_used_at: first, last_used_at: last }) => ({
        ...jwk,
        nbf: seconds(first),
        // It is noted once a minute only.
        sealpost_last_used: seconds(new Date(last.getTime() + NOTE_MS)),
      })),
    };
  }

  /**
   * The key for verifying a token the exchange made just now, in this or another process.
   *
   * NOT for receipts: a key that no process has had in service for a while is not found, so that a
   * stolen one makes no access tokens after it was taken out of EXCHANGE_JWKS.
   */
  async find(kid: KeyId): Promise<VerificationKey | undefined> {
    return this.here.get(kid) ?? this.#findElsewhere(kid);
  }

  /** A key that the exchange ever signed with: for what it sent before. */
  async findPublished(kid: KeyId): Promise<AdmittedKey | undefined> {
    const jwk = await findInService(this.database.db, kid, new Date(0));
    return jwk && (await admitKey(jwk, { allowRs256: false }));
  }

  /** Signs and verifies once with each signer. Throws when either cannot. */
  async selfTest(): Promise<void> {
    for (const signer of [this.own.statements, this.own.hops]) {
      const key = await VerificationKey.import(signer.publicJwk, signer.jkt);
      const token = await signer.sign('self-test', { ok: true });
      await verifySignature(parseToken(token, { typ: 'self-test', maxBytes: 4096 }), key);
    }
  }

  async #findElsewhere(kid: KeyId): Promise<VerificationKey | undefined> {
    const now = this.clock.now().getTime();
    const known = this.#elsewhere.get(kid);
    if (known !== undefined && known.until > now) return known.key;
    this.#elsewhere.delete(kid);
    const jwk = await findInService(this.database.db, kid, new Date(now - IN_SERVICE_MS));
    if (jwk === undefined) return undefined;
    const admitted = await admitKey(jwk, { allowRs256: false });
    const key = await VerificationKey.import(admitted.jwk, admitted.jkt);
    // Bounded by the rows of the table: what is not there is not kept.
    this.#elsewhere.set(kid, { key, until: now + BELIEVE_MS });
    return key;
  }

  // Not awaited: a signature inside a transaction must not wait for another connection.
  #noteNow(): void {
    const now = this.clock.now();
    if (now.getTime() - this.#notedAt < NOTE_MS) return;
    this.#notedAt = now.getTime();
    noteInService(this.database.db, publicJwks(this.own), now).catch((error: unknown) =>
      this.log.broken('exchange_keys.not_noted', error),
    );
  }
}

function publicJwks(own: OwnKeys): OwnKeys['statements']['publicJwk'][] {
  return own.all.map((key) => key.publicJwk);
}

function seconds(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}
