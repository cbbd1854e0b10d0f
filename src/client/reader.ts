import { EXCHANGE_ID, Refused, Rejected } from '../envelope/index.js';
import { openMessage, VerifiedEnvelope, type World } from '../verify/index.js';
import { checkContent, type Schemas } from './content.js';
import type { Directory } from './directory.js';
import { type Message, messageOf } from './message.js';

/** Content that is not sealed is refused: always, or as it says. */
export type SealedRule = boolean | ((about: { from: string; type: string }) => boolean);

export interface ReadRules {
  readonly schemas?: Schemas | undefined;
  readonly requireSealed: SealedRule;
  /** What time it is; by the clock unless told otherwise. */
  readonly now?: () => Date;
}

/** Verifies and opens for one recipient. Whether something came before is for others to know. */
export class Reader {
  constructor(
    private readonly directory: Directory,
    private readonly rules: ReadRules,
  ) {}

  /** Everything that can be verified from outside, and that it is for this partner. Throws Refused or Rejected. */
  async verify(jwt: string): Promise<VerifiedEnvelope> {
    const verified = await VerifiedEnvelope.verify(jwt, await this.#world());
    if (verified.claims.aud !== this.directory.session.identity.id)
      throw new Refused('claims_invalid', 'aud');
    return verified;
  }

  /** Opens it, if it is sealed, and holds the content against its schema. Throws Refused or Rejected. */
  async read(verified: VerifiedEnvelope): Promise<Message> {
    const { type, sealed, data } = verified.claims;
    if (sealed === undefined) {
      if (this.#mustBeSealed(verified)) throw new Rejected('not_sealed');
      return messageOf(verified, undefined, await checkContent(this.rules.schemas, type, data));
    }
    const { identity } = this.directory.session;
    const keys = (kid: string) => identity.openingKey(kid);
    const opened = await openMessage(verified, keys, await this.#world());
    return messageOf(verified, opened, await checkContent(this.rules.schemas, type, opened.data));
  }

  #mustBeSealed({ claims: { iss: from, type } }: VerifiedEnvelope): boolean {
    const { requireSealed } = this.rules;
    // The exchange seals nothing: it says nothing that it does not know itself.
    if (from === EXCHANGE_ID) return false;
    return typeof requireSealed === 'function' ? requireSealed({ from, type }) : requireSealed;
  }

  async #world(): Promise<World> {
    return {
      now: this.rules.now?.() ?? new Date(),
      issuer: await this.directory.issuer(),
      trust: this.directory,
      // Its key may have been retired since the exchange took it.
      step: 'delivery',
    };
  }
}
