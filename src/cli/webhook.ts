import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { bodyOf, refusalOf } from '../client/index.js';
import { EXCHANGE_ID } from '../envelope/index.js';
import type { Receiving } from './content.js';
import type { Received } from './received.js';

export interface WebhookEvents {
  /** Called before the exchange gets its 202. */
  readonly received: (received: Received) => void;
  readonly turnedAway: (turnedAway: { deliveryId: string; code: string; detail?: string }) => void;
  /** The exchange asked whose URL this is, and was told. */
  readonly owned?: () => void;
}

const ANSWER_WITHIN_MS = 2_000;
const VERIFICATION = 'sealpost.endpoint.verification';

/** A webhook as a partner runs one: verifies what comes, and shows the exchange whose it is. */
export class Webhook {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(
    receiving: Receiving,
    events: WebhookEvents,
    at: { readonly host: string; readonly port: number },
  ): Promise<Webhook> {
    const server = createServer((request, response) => {
      answer(request, receiving, events).then(
        ({ status, body }) => end(response, status, body),
        // No keys to verify with just now: the exchange comes again.
        () => end(response, 503),
      );
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at.port, at.host, resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : at.port;
    const host = at.host.includes(':') ? `[${at.host}]` : at.host;
    return new Webhook(server, `http://${host}:${port}/in`);
  }

  /** Ends once what came was answered; whoever dawdles is cut off. */
  async stop(): Promise<void> {
    const cutOff = setTimeout(() => this.server.closeAllConnections(), ANSWER_WITHIN_MS);
    await new Promise((resolve) => this.server.close(resolve));
    clearTimeout(cutOff);
  }
}

interface Answer {
  readonly status: number;
  readonly body?: object;
}

async function answer(
  request: IncomingMessage,
  { peers, content }: Receiving,
  events: WebhookEvents,
): Promise<Answer> {
  if (request.method !== 'POST') return { status: 405 };
  if (request.headers['content-type']?.split(';')[0]?.trim() !== 'application/jwt')
    return { status: 415 };
  const envelope = await bodyOf(request);
  if (envelope === undefined) return { status: 413 };
  const given = request.headers['webhook-id'];
  const deliveryId = typeof given === 'string' ? given : '';
  try {
    const claims = await peers.verify(envelope);
    const opened = await content.of(envelope, claims);
    return take({ deliveryId, envelope, claims, opened }, events);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    const { code, detail, err, description } = refusal;
    events.turnedAway({ deliveryId, code, ...(detail === undefined ? {} : { detail }) });
    return { status: 400, body: { err, description } };
  }
}

function take(received: Received, { received: tell, owned }: WebhookEvents): Answer {
  const { iss, type, data } = received.claims;
  if (iss !== EXCHANGE_ID || type !== VERIFICATION) {
    tell(received);
    return { status: 202 };
  }
  const challenge: unknown =
    typeof data === 'object' && data !== null ? Reflect.get(data, 'challenge') : undefined;
  owned?.();
  return { status: 200, body: { challenge } };
}

function end(response: ServerResponse, status: number, body?: object): void {
  // A connection that is kept would hold up the end.
  response.writeHead(status, {
    connection: 'close',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
