import { randomToken } from '../crypto/index.js';
import { Refused, Rejected } from '../envelope/index.js';
import { ExchangeRefused } from './exchange.js';
import { mayPass, type Patience, patiently, rest } from './patience.js';
import type { SendDraft, SendResult, Sent } from './sending.js';
import type { Accepted, Session } from './session.js';

/** What a batch needs of its sender. */
export interface BatchParts<Draft> {
  /** With `refresh` sealed to the recipient's key as it is now. */
  readonly sign: (draft: Draft, jti: string, refresh: boolean) => Promise<string>;
  readonly checkReceipt: (accepted: Accepted, envelope: string) => Promise<Sent>;
}

interface Pending<Draft> {
  readonly draft: Draft;
  readonly jti: string;
  readonly envelope: string;
  readonly resealed: boolean;
}

/** One member of the answer to a batch. */
interface Answer {
  readonly status: number;
  readonly id?: string;
  readonly jti?: string;
  readonly receipt?: string;
  readonly code?: string;
  readonly detail?: string;
}

/** The exchange takes 16 MiB at once; the rest is for what JSON adds. */
const MAX_BYTES = 15 * 1024 * 1024;
const ANSWER_WITHIN_MS = 60_000;

/** Up to 100 envelopes on their way in one request, each with an outcome of its own. */
export class BatchPost<Draft extends SendDraft> {
  readonly #results: SendResult<Draft>[] = [];

  constructor(
    private readonly session: Session,
    private readonly patience: Patience,
    private readonly parts: BatchParts<Draft>,
  ) {}

  /** Ends when each was accepted or refused; throws only when the exchange cannot be reached at all. */
  async send(drafts: readonly Draft[]): Promise<readonly SendResult<Draft>[]> {
    let pending = await this.#signAll(
      drafts.map((draft) => ({ draft, jti: draft.jti ?? randomToken(16), resealed: false })),
    );
    for (let tried = 1; pending.length > 0; tried++) {
      const left = await this.#round(pending, tried >= this.patience.tries);
      if (left.again.length > 0) await rest(this.patience, tried);
      pending = [...left.again, ...(await this.#signAll(left.stale))];
    }
    return this.#results;
  }

  async #signAll(
    drafts: readonly Omit<Pending<Draft>, 'envelope'>[],
  ): Promise<readonly Pending<Draft>[]> {
    const signed = await Promise.all(
      drafts.map(async (one) => {
        try {
          return { ...one, envelope: await this.parts.sign(one.draft, one.jti, one.resealed) };
        } catch (error) {
          this.#refuse(one.draft, error);
          return undefined;
        }
      }),
    );
    return signed.filter((one) => one !== undefined);
  }

  async #round(pending: readonly Pending<Draft>[], isLast: boolean) {
    const again: Pending<Draft>[] = [];
    const stale: Omit<Pending<Draft>, 'envelope'>[] = [];
    for (const group of bySize(pending)) {
      const answers = await this.#post(group);
      for (const [at, one] of group.entries()) {
        const answer = answers[at] ?? { status: 500, code: 'internal' };
        if (answer.code === 'stale_recipient_key' && !one.resealed)
          stale.push({ draft: one.draft, jti: one.jti, resealed: true });
        else if (mayPass(answer.status) && !isLast) again.push(one);
        else await this.#settle(one, answer);
      }
    }
    return { again, stale };
  }

  async #post(group: readonly Pending<Draft>[]): Promise<readonly Answer[]> {
    const envelopes = group.map((one) => one.envelope);
    const { results } = await patiently(this.patience, () =>
      this.session.call<{ results: readonly Answer[] }>('POST', '/v1/envelopes', {
        json: { envelopes },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      }),
    );
    return results;
  }

  async #settle({ draft, envelope }: Pending<Draft>, answer: Answer): Promise<void> {
    const { id, jti, receipt, code, detail } = answer;
    if (id === undefined || jti === undefined || receipt === undefined) {
      const why = { code: code ?? 'internal', ...(detail === undefined ? {} : { detail }) };
      this.#results.push({ is: 'refused', draft, ...why });
      return;
    }
    try {
      const iss = this.session.identity.id;
      const accepted: Accepted = { id, iss, jti, state: 'accepted', receipt };
      const sent = await this.parts.checkReceipt(accepted, envelope);
      this.#results.push({ is: 'accepted', draft, sent });
    } catch (error) {
      this.#refuse(draft, error);
    }
  }

  #refuse(draft: Draft, error: unknown): void {
    const isOurs = error instanceof Rejected || error instanceof Refused;
    if (!isOurs && !(error instanceof ExchangeRefused)) throw error;
    const detail = isOurs ? error.detail : error.problem.detail;
    const why = { code: error.code, ...(detail === undefined ? {} : { detail }) };
    this.#results.push({ is: 'refused', draft, ...why });
  }
}

/** Groups that the exchange takes at once. */
function bySize<Draft>(pending: readonly Pending<Draft>[]): Pending<Draft>[][] {
  const groups: Pending<Draft>[][] = [];
  let bytes = Infinity;
  for (const one of pending) {
    bytes += one.envelope.length;
    const group = groups.at(-1);
    if (group === undefined || bytes > MAX_BYTES) {
      groups.push([one]);
      bytes = one.envelope.length;
    } else group.push(one);
  }
  return groups;
}
