/**
 * Which state of a delivery may follow which; docs/the-way-of-an-envelope.md draws this and a spec
 * keeps the two equal. Push walks the left column, the inbox the right one; ends are final.
 *
 * A 2xx or an ack of an attempt that had begun beats `rejected` and `expired`.
 */
export const MAY_FOLLOW = {
  waiting: ['queued', 'available', 'rejected', 'expired', 'dead'],
  queued: ['delivering', 'waiting', 'rejected', 'expired', 'dead'],
  delivering: ['delivered', 'waiting', 'rejected', 'dead'],
  available: ['leased', 'acknowledged', 'declined', 'rejected', 'expired', 'dead'],
  leased: ['acknowledged', 'declined', 'available', 'rejected', 'dead'],
  delivered: [],
  acknowledged: [],
  declined: [],
  rejected: [],
  expired: [],
  dead: [],
} as const satisfies Record<string, readonly string[]>;

export type State = keyof typeof MAY_FOLLOW;

/** States from which nothing follows. */
export const ENDS = [
  'delivered',
  'acknowledged',
  'declined',
  'rejected',
  'expired',
  'dead',
] as const;
export type End = (typeof ENDS)[number];

/** What a receipt of the exchange states: `accepted` of an envelope, the others of one delivery. */
export const RECEIPT_STATES = [
  'accepted',
  'delivered',
  'declined',
  'rejected',
  'expired',
  'dead',
] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

/** The receipt state of an end: a 2xx and an ack are both `delivered`, no more than that. */
export function receiptStateOf(end: End): ReceiptState {
  return end === 'acknowledged' ? 'delivered' : end;
}
