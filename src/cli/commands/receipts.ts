import pc from 'picocolors';
import type { Command } from '../command.js';
import { table } from '../out.js';
import { verifyKnownReceipt } from '../verification.js';

interface ReceiptItem {
  readonly state: string;
  readonly issuer: string;
  readonly deliveryId?: string;
  readonly createdAt: string;
  readonly receipt: string;
}

export const receipts: Command = {
  name: 'receipts',
  says: 'The signed receipts of an envelope, each verified here',
  takes: '<envelope id>',
  teaches: `A receipt proves for years what the exchange said: accepted, delivered, rejected, expired, dead.
Each one is verified with the published keys before it is shown. Keep the JWT: it needs no exchange.`,
  options: { jwt: { type: 'boolean', says: 'Only the JWTs, one on each line' } },
  examples: [
    { says: 'Shown and verified', line: 'sealpost receipts 0199f3a0-…' },
    { says: 'Kept for the auditor', line: 'sealpost receipts 0199f3a0-… --jwt > receipts.txt' },
  ],
  async run(line, desk) {
    line.atMost(1);
    const id = line.word(0, 'the envelope id');
    const { session, peers } = await desk.receiver();
    const { items } = await session.call<{ items: ReceiptItem[] }>(
      'GET',
      `/v1/envelopes/${encodeURIComponent(id)}/receipts`,
    );
    for (const { receipt } of items) await verifyKnownReceipt(receipt, session, peers);
    desk.out.result({ items: items.map((item) => ({ ...item, verified: true })) }, () =>
      line.flag('jwt')
        ? items.map(({ receipt }) => receipt).join('\n')
        : table(
            items.map(({ state, issuer, createdAt, receipt }) => [
              pc.green('✓'),
              createdAt,
              pc.bold(state),
              `by ${issuer}`,
              pc.dim(`${receipt.slice(0, 24)}…`),
            ]),
          ),
    );
  },
};
