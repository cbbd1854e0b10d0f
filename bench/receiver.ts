import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answering } from './child.ts';

/** Counts what arrives, by digest, and when: the other side of a delivery. */
export interface Arrivals {
  readonly port: number;
  readonly count: number;
  /** Digest of the body and the moment of its arrival, ms on the wall clock, in order. */
  readonly arrivals: readonly (readonly [digest: string, at: number])[];
}

const arrivals: [string, number][] = [];
const clock = performance.timeOrigin;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const challenge = challengeIn(body);
    if (challenge !== undefined) {
      response.end(JSON.stringify({ challenge }));
      return;
    }
    arrivals.push([digestOf(body), clock + performance.now()]);
    response.writeHead(202).end();
  });
});

function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64url');
}

function challengeIn(body: Buffer): string | undefined {
  const payload = body.toString('latin1').split('.')[1] ?? '';
  // The marker is looked for in the bytes first, so that the hot path parses nothing.
  const text = Buffer.from(payload.slice(0, 2000), 'base64url').toString();
  if (!text.includes('sealpost.endpoint.verification')) return undefined;
  const { data } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as {
    data: { challenge: string };
  };
  return data.challenge;
}

const listening = new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

answering(async ({ take }: { take: boolean }): Promise<Arrivals> => {
  await listening;
  const { port } = server.address() as AddressInfo;
  return { port, count: arrivals.length, arrivals: take ? arrivals.splice(0) : [] };
});
process.on('disconnect', () => process.exit(0));
