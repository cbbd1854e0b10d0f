import type { Schemas } from './content.js';
import type { MessageOf } from './message.js';
import type { Refusal } from './refusal.js';
import type { Session } from './session.js';

/** What became of an envelope. */
export type Verdict<Known extends Schemas = Schemas> =
  | { readonly is: 'opened'; readonly message: MessageOf<Known> }
  /** The same bytes were taken before: answer as then, do nothing. */
  | { readonly is: 'repeated'; readonly message: MessageOf<Known> }
  /** The same bytes are being handled just now: ask again later. */
  | { readonly is: 'busy' }
  | { readonly is: 'refused'; readonly refusal: Refusal };

export type Handler<Known extends Schemas> = (message: MessageOf<Known>) => Promise<void> | void;

/** Whoever takes envelopes: what the ways by which they come need of it. */
export interface Receiving<Known extends Schemas> {
  readonly session: Session;
  receive(jwt: string, handler: Handler<Known>): Promise<Verdict<Known>>;
  settled(): Promise<void>;
}
