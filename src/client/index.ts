export * from './consumer.js';
export * from './content.js';
export * from './directory.js';
export * from './dpop.js';
export * from './exchange.js';
export * from './identity.js';
export type { Evidence, Message, MessageOf } from './message.js';
export type { RecipientState } from './own-receipts.js';
export type { Source } from './parallel.js';
export type { Patience } from './patience.js';
export * from './peer-keys.js';
export * from './pins.js';
export { bodyOf } from './raw-body.js';
export * from './reader.js';
export * from './receiver.js';
export { Declined, refusalOf, type Refusal } from './refusal.js';
export * from './replay.js';
export * from './sender.js';
export type * from './sending.js';
export * from './session.js';
export type * from './verdict.js';
export * from './verify-token.js';
export type { PushAnswer, Pushed, Webhook } from './webhook.js';
export {
  type AdmittedKey,
  type ContentEnc,
  isSealAlg,
  isSignAlg,
  type PublicJwk,
  SEAL_ALGS,
  type SealAlg,
  SIGN_ALGS,
  type SignAlg,
} from '../crypto/index.js';
export {
  CLIENT_REASONS,
  type ClientReasonCode,
  type ReasonCode,
  Refused,
  Rejected,
} from '../envelope/index.js';
