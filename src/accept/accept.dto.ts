import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsString } from 'class-validator';
import type { ReasonCode } from '../envelope/index.js';
import { MAX_BATCH_ENVELOPES } from '../platform/index.js';

export class EnvelopeBatch {
  /** Compact JWTs, each answered for itself. @example ["eyJ0eXAiOiJzZWFscG9zdC1lbnZlbG9wZStqd3QiLC…"] */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_BATCH_ENVELOPES)
  @IsString({ each: true })
  envelopes!: string[];
}

export class AcceptedView {
  /** The exchange's id of the envelope, a UUID v7. @example "0199f3a0-7c1e-7bb0-9f00-2f1c3f0e9a11" */
  id!: string;
  /** @example "acme" */
  iss!: string;
  /** @example "inv-1" */
  jti!: string;
  state!: 'accepted';
  /** The signed receipt `accepted`, a compact JWT; identical for identical bytes. */
  receipt!: string;
}

export class BatchResult {
  /** 202, or the status of the refusal. @example 202 */
  status!: number;
  id?: string;
  jti?: string;
  receipt?: string;
  /** Why it was refused. @example "replayed" */
  code?: ReasonCode;
  detail?: string;
  /** With `stale_recipient_key`: the key to seal to, and its owner's statement of it. */
  jwk?: Record<string, unknown>;
  statement?: string;
}

export class BatchAnswer {
  /** One result per envelope, in order. */
  results!: BatchResult[];
}
