import { randomToken } from '../crypto/index.js';
import { Rejected } from '../envelope/index.js';
import { BatchPost } from './batch-post.js';
import { checkContent, type InputOf, type Schemas, type TypeIn } from './content.js';
import { Directory, type DirectoryOptions } from './directory.js';
import { ExchangeRefused } from './exchange.js';
import { flowing, inBatches, inParallel, type Source } from './parallel.js';
import { PATIENCE, type Patience, patiently } from './patience.js';
import type { SendDraft, SendOptions, SendResult, Sent } from './sending.js';
import type { Accepted, Session } from './session.js';

export interface SenderOptions<Known extends Schemas> extends DirectoryOptions {
  /** What each type holds: content is held against it before anything is signed. */
  readonly schemas?: Known;
  /** Instead of pins: what a Receiver of the same partner knows. */
  readonly directory?: Directory;
  readonly patience?: Partial<Patience>;
}

export interface StreamOptions {
  /** Requests under way at a time, each with up to 100 envelopes. Default 4. */
  readonly concurrency?: number;
}

export type DraftOf<Known extends Schemas> = {
  [Type in TypeIn<Known>]: SendDraft<Type, InputOf<Known, Type>>;
}[TypeIn<Known>];

/** The exchange takes so many at once. */
const MAX_BATCH = 100;
/** A slow source fills no batch: what came goes after this. */
const BATCH_WITHIN_MS = 20;
/** No answer in this time is none. */
const ANSWER_WITHIN_MS = 60_000;

/**
 * Sends envelopes: sealed unless told otherwise, to a key that the recipient states to be its own. What
 * failed in passing is sent again, the same bytes, which delivers nothing twice.
 */
export class Sender<Known extends Schemas = Schemas> {
  readonly directory: Directory;
  readonly #schemas: Known | undefined;
  readonly #patience: Patience;

  constructor(
    readonly session: Session,
    options: SenderOptions<Known> = {},
  ) {
    this.directory = options.directory ?? new Directory(session, options);
    this.#schemas = options.schemas;
    this.#patience = { ...PATIENCE, ...options.patience };
  }

  /**
   * Sends one. When this resolves, the exchange holds it durably. Throws Rejected (nothing was sent),
   * ExchangeRefused (nothing was taken), or Refused when the receipt does not hold.
   */
  async send<Type extends TypeIn<Known>>(
    to: string,
    type: Type,
    data: InputOf<Known, Type>,
    options: SendOptions = {},
  ): Promise<Sent> {
    const draft = named({ ...options, to, type, data });
    try {
      return await this.#deliver(await this.#sign(draft));
    } catch (error) {
      if (!isStale(error)) throw error;
      return this.#deliver(await this.#sign(draft, true));
    }
  }

  /** The same content to each of many, in one call: every one gets an envelope of its own. */
  async sendMany<Type extends TypeIn<Known>>(
    recipients: readonly string[],
    type: Type,
    data: InputOf<Known, Type>,
    options: Omit<SendOptions, 'jti'> = {},
  ): Promise<readonly SendResult[]> {
    const drafts = recipients.map((to) => ({ ...options, to, type, data }));
    const results = new Map<SendDraft, SendResult>();
    for await (const result of this.#stream(drafts)) results.set(result.draft, result);
    return drafts.map((draft) => results.get(draft)).filter((result) => result !== undefined);
  }

  /**
   * Sends as many as come, thousands or without end, and yields what became of each, in no order. While
   * nobody takes the results nothing more is taken from the source.
   */
  stream<Draft extends DraftOf<Known>>(
    drafts: Source<Draft>,
    options: StreamOptions = {},
  ): AsyncGenerator<SendResult<Draft>> {
    return this.#stream(drafts, options);
  }

  async *#stream<Draft extends SendDraft>(
    drafts: Source<Draft>,
    { concurrency = 4 }: StreamOptions = {},
  ): AsyncGenerator<SendResult<Draft>> {
    const batches = inBatches(flowing(drafts), MAX_BATCH, BATCH_WITHIN_MS);
    const results = inParallel(batches, concurrency, (batch) => {
      const post = new BatchPost<Draft>(this.session, this.#patience, {
        sign: (draft, jti, refresh) => this.#sign({ ...draft, jti }, refresh),
        checkReceipt: (accepted, envelope) => this.#checked(accepted, envelope),
      });
      return post.send(batch);
    });
    for await (const batch of results) yield* batch;
  }

  async #sign(draft: SendDraft, refresh = false): Promise<string> {
    await checkContent(this.#schemas, draft.type, draft.data);
    const { identity } = this.session;
    const whole = { ...draft, via: await this.directory.issuer() };
    if (draft.sealed === false) return identity.envelope(whole);
    const key = await this.directory.sealingKey(draft.to, refresh);
    return identity.sealedEnvelope(whole, key, draft);
  }

  async #deliver(envelope: string): Promise<Sent> {
    const accepted = await patiently(this.#patience, () =>
      this.session.exchange.call<Accepted>('POST', '/v1/envelopes', {
        body: { type: 'application/jwt', text: envelope },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      }),
    );
    return this.#checked(accepted, envelope);
  }

  // What cannot be proved later is not taken for an acceptance now.
  async #checked(accepted: Accepted, envelope: string): Promise<Sent> {
    const { iss, state } = await this.directory.verifyReceipt(accepted.receipt, envelope);
    // A recipient's own receipt is one too, and says something else.
    if (iss !== (await this.directory.issuer())) throw new Rejected('receipt_invalid', 'iss');
    if (state !== 'accepted') throw new Rejected('receipt_invalid', 'state');
    return { ...accepted, envelope };
  }
}

function named(draft: SendDraft): SendDraft {
  return { ...draft, jti: draft.jti ?? randomToken(16) };
}

function isStale(error: unknown): boolean {
  return error instanceof ExchangeRefused && error.code === 'stale_recipient_key';
}
