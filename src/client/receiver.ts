import { toBase64url } from '../crypto/index.js';
import { LEEWAY_SECONDS, Rejected } from '../envelope/index.js';
import type { VerifiedEnvelope } from '../verify/index.js';
import { Consumer, type ConsumeOptions } from './consumer.js';
import type { Schemas } from './content.js';
import { Directory, type DirectoryOptions } from './directory.js';
import type { Message, MessageOf } from './message.js';
import { OwnReceipts, type RecipientState } from './own-receipts.js';
import { Reader, type SealedRule } from './reader.js';
import { type Refusal, refusalOf } from './refusal.js';
import { MemoryReplay, type ReplayStore } from './replay.js';
import type { Session } from './session.js';
import type { Handler, Receiving, Verdict } from './verdict.js';
import { makeWebhook, type Webhook } from './webhook.js';

export interface ReceiverOptions<Known extends Schemas> extends DirectoryOptions {
  /** What each type holds; types without a schema are then refused. */
  readonly schemas?: Known;
  /** Instead of pins: what a Sender of the same partner knows. */
  readonly directory?: Directory;
  /** In memory unless told otherwise: several processes MUST share one. */
  readonly replay?: ReplayStore;
  /** Whether content that is not sealed is refused: always, or as it says. Default never. */
  readonly requireSealed?: SealedRule;
  /** Signed receipts that the sender gets. Default none. */
  readonly receipts?: readonly RecipientState[];
  /** How long a handler may take before another process may take the envelope over. Default 5 minutes. */
  readonly handleWithinMs?: number;
  /** Told of faults that nobody else hears of, e.g. receipts that could not be sent. */
  readonly onFault?: (fault: unknown) => void;
}

/** An envelope that this process has in hand, and no other. */
interface InHand {
  readonly verified: VerifiedEnvelope;
  readonly message: Message;
  readonly key: string;
  readonly digest: string;
}

const HANDLE_WITHIN_MS = 5 * 60_000;

/**
 * Takes envelopes for one partner. Whatever comes, by whichever way, is verified here again with keys that
 * this side knows, opened, and handled once; the exchange is not trusted with any of it.
 */
export class Receiver<Known extends Schemas = Schemas> implements Receiving<Known> {
  readonly directory: Directory;
  readonly #reader: Reader;
  readonly #replay: ReplayStore;
  readonly #receipts: OwnReceipts;
  readonly #handleWithinMs: number;
  readonly #onFault: (fault: unknown) => void;

  constructor(
    readonly session: Session,
    options: ReceiverOptions<Known> = {},
  ) {
    const { schemas, requireSealed = false, receipts = [] } = options;
    this.directory = options.directory ?? new Directory(session, options);
    this.#reader = new Reader(this.directory, { schemas, requireSealed });
    this.#replay = options.replay ?? new MemoryReplay();
    this.#handleWithinMs = options.handleWithinMs ?? HANDLE_WITHIN_MS;
    this.#onFault = options.onFault ?? (() => undefined);
    this.#receipts = new OwnReceipts(session, receipts, this.#onFault);
  }

  /** Verifies and opens one envelope, and remembers that it came. Throws only for faults, e.g. no network. */
  open(jwt: string): Promise<Verdict<Known>> {
    return this.receive(jwt, () => undefined);
  }

  /**
   * The same, with a handler that is called for what was not handled before. What it throws is thrown
   * on and the envelope counts as not handled; with Declined it is refused for good.
   */
  async receive(jwt: string, handler: Handler<Known>): Promise<Verdict<Known>> {
    const verified = await orRefusal(this.#reader.verify(jwt));
    if ('refusal' in verified) return verified;
    const taken = await orRefusal(this.#takeInHand(verified));
    if ('refusal' in taken) return this.#rejected(verified, taken);
    return 'is' in taken ? taken : this.#handle(taken, handler);
  }

  /** Follows the inbox until it is stopped. */
  consume(options: ConsumeOptions<Known>): Consumer<Known> {
    return new Consumer(this, options);
  }

  /** An endpoint that the exchange pushes to. */
  webhook(handler: Handler<Known>): Webhook {
    return makeWebhook(this.directory.peers, {
      receive: (jwt) => this.receive(jwt, handler),
      onFault: this.#onFault,
    });
  }

  /** Resolves when every receipt given so far was sent, or cannot be. */
  settled(): Promise<void> {
    return this.#receipts.settled();
  }

  async #takeInHand(verified: VerifiedEnvelope): Promise<InHand | Verdict<Known>> {
    const message = await this.#reader.read(verified);
    const { iss, aud, jti } = verified.claims;
    const key = `${aud} ${iss} ${jti}`;
    const digest = toBase64url(verified.signed.sha256);
    const standing = await this.#replay.claim(key, `handling ${digest}`, this.#handleWithinMs);
    if (standing === `handled ${digest}`) return { is: 'repeated', message: asKnown(message) };
    if (standing === `handling ${digest}`) return { is: 'busy' };
    if (standing !== undefined) throw new Rejected('replayed_here');
    return { verified, message, key, digest };
  }

  async #handle(inHand: InHand, handler: Handler<Known>): Promise<Verdict<Known>> {
    const { verified, key, digest } = inHand;
    const message: MessageOf<Known> = asKnown(inHand.message);
    this.#receipts.state(verified, 'verified');
    try {
      await handler(message);
    } catch (error) {
      await this.#replay.drop(key);
      const refusal = refusalOf(error);
      if (refusal?.code !== 'declined') throw error;
      return this.#rejected(verified, { is: 'refused', refusal });
    }
    const rememberMs = (verified.claims.exp + 2 * LEEWAY_SECONDS) * 1000 - Date.now();
    await this.#replay.put(key, `handled ${digest}`, rememberMs);
    this.#receipts.state(verified, 'processed');
    return { is: 'opened', message };
  }

  // Only who is known to have sent it is told so.
  #rejected(verified: VerifiedEnvelope, refused: RefusedVerdict): RefusedVerdict {
    this.#receipts.state(verified, 'rejected', refused.refusal.code);
    return refused;
  }
}

type RefusedVerdict = { readonly is: 'refused'; readonly refusal: Refusal };

async function orRefusal<Result extends object>(
  promise: Promise<Result>,
): Promise<Result | RefusedVerdict> {
  try {
    return await promise;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return { is: 'refused', refusal };
  }
}

/** Its type is one that there is a schema for, where there are any, and its data what that made of it. */
function asKnown<Known extends Schemas>(message: Message): MessageOf<Known> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schemas have spoken
  return message as MessageOf<Known>;
}
