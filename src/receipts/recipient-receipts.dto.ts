import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsString } from 'class-validator';
import type { ReasonCode } from '../envelope/index.js';

export class ReceiptBatch {
  /** Compact JWTs of `typ` `sealpost-receipt+jwt`, each answered for itself. @example ["eyJ0eXAiOiJzZWFscG9zdC1yZWNlaXB0K2p3dCIsIm…"] */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  receipts!: string[];
}

export class ReceiptResult {
  /** 201, or the status of the refusal. @example 201 */
  status!: number;
  /** Why it was refused. @example "not_found" */
  code?: ReasonCode;
  detail?: string;
}

export class ReceiptResults {
  /** One result per receipt, in order. */
  results!: ReceiptResult[];
}
