import type { EnvelopeClaims } from '../envelope/index.js';
import type { OpenedMessage, VerifiedEnvelope } from '../verify/index.js';
import { toBase64url } from '../crypto/index.js';
import type { OutputOf, Schemas, TypeIn } from './content.js';

/** What a recipient gets: every check of it passed. */
export interface Message<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
  /** The sender's partner id. */
  readonly from: string;
  readonly jti: string;
  /** Whether the content was sealed to this recipient. */
  readonly sealed: boolean;
  readonly sentAt: Date;
  readonly expiresAt: Date;
  readonly txn?: string;
  readonly replyTo?: { readonly iss: string; readonly jti: string };
  readonly orderingKey?: string;
  readonly evidence: Evidence;
}

/** What proves to third parties who said this: keep it as long as the content matters. */
export interface Evidence {
  /** The envelope, byte for byte. */
  readonly envelope: string;
  /** Its SHA-256, base64url, as receipts name it. */
  readonly sha256: string;
  /** Thumbprint of the key that signed it. */
  readonly jkt: string;
  /** The signed message that was inside, if it was sealed: readable by whoever is shown it. */
  readonly message?: string;
}

/** A message of one of the known types; its `type` tells which, and so what `data` is. */
export type MessageOf<Known extends Schemas> = {
  [Type in TypeIn<Known>]: Message<Type, OutputOf<Known, Type>>;
}[TypeIn<Known>];

export function messageOf(
  { signed, claims }: VerifiedEnvelope,
  opened: OpenedMessage | undefined,
  data: unknown,
): Message {
  return {
    type: claims.type,
    data,
    from: claims.iss,
    jti: claims.jti,
    sealed: opened !== undefined,
    sentAt: new Date(claims.iat * 1000),
    expiresAt: new Date(claims.exp * 1000),
    ...routingOf(claims),
    evidence: {
      envelope: signed.token,
      sha256: toBase64url(signed.sha256),
      jkt: signed.jkt,
      ...(opened === undefined ? {} : { message: opened.message }),
    },
  };
}

function routingOf({ txn, reply_to: replyTo, ordering_key: orderingKey }: EnvelopeClaims) {
  return {
    ...(txn === undefined ? {} : { txn }),
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(orderingKey === undefined ? {} : { orderingKey }),
  };
}
