export class LiveView {
  /** @example "ok" */
  status!: 'ok';
}

export class ReadyView {
  /** @example "ok" */
  status!: 'ok' | 'unusable';
  /** State by part. @example {"ledger": "ok", "queue": "ok", "keys": "ok"} */
  parts!: Record<string, 'ok' | 'unusable'>;
}
