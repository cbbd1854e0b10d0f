import { toBase64url } from '../crypto/index.js';
import type { AttemptRow, DeliveryRow, EnvelopeRow, ReceiptRow } from '../ledger/index.js';
import type { AttemptView, DeliveryView, EnvelopeView, ReceiptView } from './timeline.dto.js';

/** One envelope with its deliveries and attempts, as one of those concerned may see it. */
export function timelineOf(
  envelope: EnvelopeRow,
  deliveries: readonly DeliveryRow[],
  attempts: readonly AttemptRow[],
  viewer: string,
): EnvelopeView {
  const { id, iss, aud, jti, type, txn, sealed, bytes, sha256, jkt, acceptedAt, exp } = envelope;
  return {
    id,
    iss,
    aud,
    jti,
    type,
    ...given({ txn, erasedAt: envelope.erasedAt?.toISOString() }),
    sealed,
    bytes,
    sha256: toBase64url(sha256),
    jkt,
    acceptedAt: acceptedAt.toISOString(),
    expiresAt: exp.toISOString(),
    deliveries: deliveries
      .filter((delivery) => delivery.envelopeId === id)
      .map((delivery) => deliveryView(delivery, attempts, viewer === aud)),
  };
}

// A sender sees reason and time of attempts, not which endpoints the recipient has.
function deliveryView(
  delivery: DeliveryRow,
  attempts: readonly AttemptRow[],
  forRecipient: boolean,
): DeliveryView {
  const { id, endpointId, state, nextAttemptAt, endedAt, status, reason, replayOf } = delivery;
  return {
    id,
    method: endpointId === null ? 'poll' : 'push',
    state,
    attempts: attempts.filter((attempt) => attempt.deliveryId === id).map(attemptView),
    ...given({
      nextAttemptAt: nextAttemptAt?.toISOString(),
      endedAt: endedAt?.toISOString(),
      status,
      reason,
      replayOf,
      endpointId: forRecipient ? endpointId : null,
    }),
  };
}

function attemptView({
  number,
  beganAt,
  endedAt,
  outcome,
  status,
  reason,
}: AttemptRow): AttemptView {
  return {
    number,
    beganAt: beganAt.toISOString(),
    ...given({ endedAt: endedAt?.toISOString(), outcome, status, reason }),
  };
}

export function receiptView({
  state,
  issuer,
  deliveryId,
  createdAt,
  token,
}: ReceiptRow): ReceiptView {
  return {
    state,
    issuer,
    ...given({ deliveryId }),
    createdAt: createdAt.toISOString(),
    receipt: token,
  };
}

type Given<T> = { [Name in keyof T]?: NonNullable<T[Name]> };

/** Leaves out what is not there: absent members instead of nulls. */
function given<T extends Record<string, unknown>>(members: T): Given<T> {
  const there: Given<T> = {};
  for (const name in members) {
    const value = members[name];
    if (value !== null && value !== undefined) there[name] = value;
  }
  return there;
}
