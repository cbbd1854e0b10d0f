// A warehouse: orders are pushed to its webhook, each is answered with a sealed shipment. Ends with SIGTERM.
//
//   INVITE=… PUBLIC_URL=https://hooks.warehouse.example/in node examples/warehouse.mjs
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Declined, Receiver, Sender } from 'sealpost/client';
import { partner } from './partner.mjs';

const session = await partner('warehouse');
const sender = new Sender(session);
const receiver = new Receiver(session, {
  directory: sender.directory,
  requireSealed: true,
  receipts: ['processed', 'rejected'],
  onFault: (fault) => console.error(`later: ${fault.message}`),
});
await session.call('PUT', '/v1/grants/billing', { json: { types: ['order.*'], sealedOnly: true } });

const webhook = receiver.webhook(async ({ from, jti, data }) => {
  // Final: the sender is told, and it does not come again.
  if (!(data.pieces > 0)) throw new Declined('an order is of one piece or more');
  // Its id follows from the order's, so that a second try sends nothing twice.
  const answer = { jti: `shipment-${jti}`, replyTo: { iss: from, jti } };
  await sender.send(from, 'shipment.sent', { shipment: `S-${data.id}` }, answer);
  console.log(`sent ${data.pieces} pieces for order ${jti}`);
});

const server = createServer(webhook).listen(Number(process.env.PORT ?? 8080));
await once(server, 'listening');
const url = process.env.PUBLIC_URL ?? `http://127.0.0.1:${server.address().port}/in`;
const { items: endpoints } = await session.call('GET', '/v1/endpoints');
if (!endpoints.some((one) => one.url === url))
  await session.call('POST', '/v1/endpoints', { json: { url } });
console.log(`listening for ${url}`);

process.once('SIGTERM', async () => {
  server.close();
  await receiver.settled();
});
