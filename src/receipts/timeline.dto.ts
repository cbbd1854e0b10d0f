import { IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MAY_FOLLOW, type State } from '../envelope/index.js';
import { Is, isMoment, WholeNumber } from '../platform/index.js';

const STATES = Object.keys(MAY_FOLLOW);

export class ListEnvelopesQuery {
  /** Only envelopes to or from this partner. @example "globex" */
  @IsOptional()
  @IsString()
  @MaxLength(63)
  peer?: string;

  /** Only this exact type. @example "invoice.created" */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  type?: string;

  /** Only envelopes with a delivery in this state. */
  @IsOptional()
  @IsIn(STATES)
  state?: State;

  /** Only this correlation id. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  txn?: string;

  /** Accepted at or after this time. @example "2030-01-01T00:00:00Z" */
  @IsOptional()
  @Is('a time like 2030-01-01T00:00:00Z', isMoment)
  from?: string;

  /** Accepted before this time. @example "2030-01-01T00:00:00Z" */
  @IsOptional()
  @Is('a time like 2030-01-01T00:00:00Z', isMoment)
  to?: string;

  /** `next` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  after?: string;

  @IsOptional()
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 50;
}

export class AttemptView {
  number!: number;
  /** RFC 3339. */
  beganAt!: string;
  endedAt?: string;
  /** `delivered`, `failed`, `lease_expired` …; absent while under way. */
  outcome?: string;
  /** HTTP status that the recipient answered. */
  status?: number;
  reason?: string;
}

export class DeliveryView {
  id!: string;
  method!: 'push' | 'poll';
  state!: State;
  attempts!: AttemptView[];
  nextAttemptAt?: string;
  endedAt?: string;
  status?: number;
  reason?: string;
  replayOf?: string;
  /** Only for the recipient. */
  endpointId?: string;
}

export class EnvelopeView {
  /** @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11" */
  id!: string;
  /** @example "acme" */
  iss!: string;
  /** @example "globex" */
  aud!: string;
  /** @example "inv-1" */
  jti!: string;
  /** @example "invoice.created" */
  type!: string;
  txn?: string;
  sealed!: boolean;
  /** Size of the token in bytes. */
  bytes!: number;
  /** SHA-256 of the token, base64url. */
  sha256!: string;
  /** RFC 7638 thumbprint of the signing key. */
  jkt!: string;
  acceptedAt!: string;
  /** When its content was erased; digest and receipts stay. */
  erasedAt?: string;
  expiresAt!: string;
  deliveries!: DeliveryView[];
}

export class EnvelopesPage {
  items!: EnvelopeView[];
  /** Give it as `after` for the next page; absent on the last one. */
  next?: string;
}

export class ReceiptView {
  /** `accepted`, `delivered`, `declined`, `rejected`, `expired`, `dead`; by the recipient `verified`, `processed`. */
  state!: string;
  /** Who signed: the exchange's issuer URL, or the recipient's id. */
  issuer!: string;
  deliveryId?: string;
  createdAt!: string;
  /** The signed receipt, a compact JWT. */
  receipt!: string;
}

export class ReceiptsList {
  items!: ReceiptView[];
}
