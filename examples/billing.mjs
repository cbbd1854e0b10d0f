// A billing service: sends sealed orders to the warehouse, one from each line of stdin, and collects what
// the warehouse answers by polling, so it needs no address of its own. Ends with SIGTERM.
//
//   INVITE=… node examples/billing.mjs < orders.ndjson
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Receiver, Sender } from 'sealpost/client';
import { partner } from './partner.mjs';

const session = await partner('billing');
const sender = new Sender(session);
const receiver = new Receiver(session, {
  directory: sender.directory, // both know the same keys of the same partners
  requireSealed: true,
  receipts: ['verified', 'processed'],
});
// The warehouse may send this, sealed, and nobody anything else.
const grant = { types: ['shipment.*'], sealedOnly: true };
await session.call('PUT', '/v1/grants/warehouse', { json: grant });

const consumer = receiver.consume({
  concurrency: 4,
  handler: ({ data, replyTo }) => {
    // Do the work here. When this returns, the shipment is acknowledged; when it throws, it comes again.
    console.log(`shipment ${data.shipment} for order ${replyTo.jti}`);
  },
  onRefused: ({ refusal }) => console.error(`refused: ${refusal.code}`),
  onFault: (fault) => console.error(`later: ${fault.message}`),
});
const lines = createInterface({ input: process.stdin });
const stopped = once(process, 'SIGTERM').finally(() => lines.close());

for await (const line of lines) {
  const order = JSON.parse(line);
  // An order sent twice under one id is taken once; sealed, it is read by the warehouse alone.
  const { receipt } = await sender.send('warehouse', 'order.placed', order, { jti: order.id });
  console.log(`ordered ${order.id}, receipt of ${receipt.length} characters kept`);
}
await stopped;
await consumer.stop();
