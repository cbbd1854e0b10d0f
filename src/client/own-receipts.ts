import { randomToken, toBase64url } from '../crypto/index.js';
import { TYP } from '../envelope/index.js';
import type { VerifiedEnvelope } from '../verify/index.js';
import { ExchangeRefused } from './exchange.js';
import { Flusher } from './flusher.js';
import { mayPass, PATIENCE, patiently, rest } from './patience.js';
import type { Session } from './session.js';

/** What a recipient states of an envelope: verified and opened, handled, or not taken. */
export type RecipientState = 'verified' | 'processed' | 'rejected';

/** What the exchange answers for one receipt. */
interface ReceiptResult {
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
}

const MAX_AT_ONCE = 100;
const ANSWER_WITHIN_MS = 60_000;

/** The receipts that a recipient signs, on their way to the exchange, which gives them to the sender. */
export class OwnReceipts {
  readonly #flusher: Flusher<string>;
  readonly #signing = new Set<Promise<void>>();

  constructor(
    private readonly session: Session,
    private readonly wanted: readonly RecipientState[],
    private readonly onFault: (fault: unknown) => void,
  ) {
    this.#flusher = new Flusher(MAX_AT_ONCE, (receipts) => this.#post(receipts));
  }

  /** Signs and sends a receipt, if one of this state is wanted. */
  state(envelope: VerifiedEnvelope, state: RecipientState, reason?: string): void {
    if (!this.wanted.includes(state)) return;
    const signing = this.#sign(envelope, state, reason).then(
      (receipt) => this.#flusher.add(receipt),
      this.onFault,
    );
    this.#signing.add(signing);
    void signing.finally(() => this.#signing.delete(signing));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#signing);
    await this.#flusher.drained();
  }

  #sign(
    { signed, claims }: VerifiedEnvelope,
    state: RecipientState,
    reason?: string,
  ): Promise<string> {
    return this.session.identity.sign(TYP.receipt, {
      iss: claims.aud,
      aud: claims.iss,
      via: claims.via,
      jti: randomToken(16),
      iat: Math.floor(Date.now() / 1000),
      state,
      ...(reason === undefined ? {} : { reason }),
      envelope: {
        iss: claims.iss,
        jti: claims.jti,
        sha256: toBase64url(signed.sha256),
        jkt: signed.jkt,
      },
      recipient: claims.aud,
    });
  }

  async #post(receipts: readonly string[]): Promise<void> {
    try {
      let left = receipts;
      for (let tried = 1; left.length > 0; tried++) {
        if (tried > 1) await rest(PATIENCE, tried - 1);
        const results = await this.#postOnce(left);
        const mayGoWell = (at: number): boolean =>
          tried < PATIENCE.tries && mayPass(results[at]?.status ?? 0);
        for (const [at, result] of results.entries())
          if (result.status >= 400 && !mayGoWell(at)) this.onFault(refusalOf(result));
        left = left.filter((_receipt, at) => mayGoWell(at));
      }
    } catch (error) {
      this.onFault(error);
    }
  }

  async #postOnce(receipts: readonly string[]): Promise<readonly ReceiptResult[]> {
    const { results } = await patiently(PATIENCE, () =>
      this.session.call<{ results: readonly ReceiptResult[] }>('POST', '/v1/receipts', {
        json: { receipts },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      }),
    );
    return results;
  }
}

function refusalOf(result: ReceiptResult): ExchangeRefused {
  return new ExchangeRefused({ code: 'internal', title: 'A receipt was refused', ...result });
}
