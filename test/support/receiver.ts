import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.js';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly claims: Record<string, unknown>;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** An endpoint as a partner would run it: a real HTTP server that can be told how to behave. */
export class Receiver {
  /** Every envelope that came, in order; ownership challenges are answered and not listed. */
  readonly received: Received[] = [];
  readonly challenges: Received[] = [];
  /** What the exchange itself had to say: taken, and not listed either. */
  readonly notices: Received[] = [];
  /** What to answer to an envelope; may take its time. */
  answer: (received: Received) => Answer | 'reset' | Promise<Answer | 'reset'> = () => ({
    status: 202,
  });
  /** Whether the ownership challenge is answered. */
  answersChallenge = true;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('latin1');
        void receiver
          .#take({
            path: request.url ?? '',
            headers: request.headers,
            body,
            claims: claimsOf(body),
          })
          .then((answer) => {
            if (answer === 'reset') return request.socket.resetAndDestroy();
            return response.writeHead(answer.status, answer.headers).end(answer.body);
          });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/in`;
  }

  /** The envelopes received, once there are `count` of them. */
  async have(count: number, withinMs?: number): Promise<readonly Received[]> {
    await until(
      `${count} envelopes at the endpoint, have ${this.received.length}`,
      () => this.received.length >= count,
      withinMs,
    );
    return this.received;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #take(received: Received): Promise<Answer | 'reset'> {
    if (received.claims['type'] === 'sealpost.endpoint.verification') {
      this.challenges.push(received);
      const { challenge } = received.claims['data'] as { challenge: string };
      if (!this.answersChallenge) return { status: 204 };
      return { status: 200, body: JSON.stringify({ challenge }) };
    }
    if (received.claims['iss'] === 'sealpost') {
      this.notices.push(received);
      return { status: 202 };
    }
    this.received.push(received);
    return this.answer(received);
  }
}

/** The claims of a compact JWT, unverified: tests look at what came. */
export function claimsOf(token: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
  } catch {
    return {};
  }
}
