import type { EnvelopeDraft, SealingChoice } from './identity.js';
import type { Accepted } from './session.js';

export interface SendOptions
  extends
    SealingChoice,
    Pick<EnvelopeDraft, 'jti' | 'lifetimeSeconds' | 'txn' | 'replyTo' | 'orderingKey'> {
  /** Default true: nobody but the recipient reads the content. */
  readonly sealed?: boolean;
}

/** One of many to send. */
export interface SendDraft<Type extends string = string, Data = unknown> extends SendOptions {
  readonly to: string;
  readonly type: Type;
  readonly data: Data;
}

/** An envelope that the exchange has taken, with its receipt, which was verified. */
export interface Sent extends Accepted {
  /** The bytes that the receipt speaks of. */
  readonly envelope: string;
}

/** What became of one of many. */
export type SendResult<Draft = SendDraft> =
  | { readonly is: 'accepted'; readonly draft: Draft; readonly sent: Sent }
  | {
      readonly is: 'refused';
      readonly draft: Draft;
      readonly code: string;
      readonly detail?: string;
    };
