import type { IncomingMessage, ServerResponse } from 'node:http';
import { EXCHANGE_ID, Refused } from '../envelope/index.js';
import type { PeerKeys } from './peer-keys.js';
import { bodyOf, type FastifyLike, type RequestLike } from './raw-body.js';
import { refusalOf } from './refusal.js';
import type { Verdict } from './verdict.js';
import { tokenParts } from './verify-token.js';

/** What came to the endpoint, however it was served. */
export interface Pushed {
  readonly method: string | undefined;
  readonly contentType: string | undefined;
  /** As it came; undefined when it was longer than any envelope. */
  readonly body: string | undefined;
}

/** What goes back: RFC 8935 sections 2.2 and 2.3. */
export interface PushAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty where there is none. */
  readonly body: string;
}

/**
 * The listener of an endpoint: `createServer(webhook)`, Express `app.post('/in', webhook)`, Nest
 * `app.use('/in', webhook)`; for Fastify `app.register(webhook.fastify, { prefix: '/in' })`.
 */
export interface Webhook {
  (request: IncomingMessage, response: ServerResponse): void;
  readonly fastify: (app: FastifyLike) => Promise<void>;
  /** For any other server. */
  readonly answer: (pushed: Pushed) => Promise<PushAnswer>;
}

export interface WebhookParts {
  readonly receive: (jwt: string) => Promise<Verdict>;
  readonly onFault: (fault: unknown) => void;
}

const VERIFICATION = 'sealpost.endpoint.verification';
const MEDIA_TYPE = 'application/jwt';
const LATER: PushAnswer = { status: 503, headers: { 'retry-after': '5' }, body: '' };

export function makeWebhook(peers: PeerKeys, parts: WebhookParts): Webhook {
  const answer = async (pushed: Pushed): Promise<PushAnswer> => {
    try {
      return (await refusedUnread(pushed)) ?? (await answerTo(pushed.body ?? '', peers, parts));
    } catch (error) {
      parts.onFault(error);
      return LATER;
    }
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void respond(request, response, answer).catch(parts.onFault);
  };
  return Object.assign(listener, { answer, fastify: fastifyPlugin(answer) });
}

async function refusedUnread({
  method,
  contentType,
  body,
}: Pushed): Promise<PushAnswer | undefined> {
  if (method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: '' };
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type !== MEDIA_TYPE) return { status: 415, headers: { accept: MEDIA_TYPE }, body: '' };
  return body === undefined ? { status: 413, headers: {}, body: '' } : undefined;
}

async function answerTo(jwt: string, peers: PeerKeys, parts: WebhookParts): Promise<PushAnswer> {
  if (isChallenge(jwt)) return answerChallenge(jwt, peers);
  const verdict = await parts.receive(jwt);
  if (verdict.is === 'busy') return LATER;
  if (verdict.is !== 'refused') return { status: 202, headers: {}, body: '' };
  return refused(verdict.refusal);
}

/** What else the exchange has to say is received like anybody's. */
function isChallenge(jwt: string): boolean {
  try {
    const { iss, payload } = tokenParts(jwt);
    return iss === EXCHANGE_ID && payload['type'] === VERIFICATION;
  } catch (error) {
    // What it is that came is for the receiver to say.
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** Shows the exchange whose endpoint this is, once it has shown that it is the exchange that asks. */
async function answerChallenge(jwt: string, peers: PeerKeys): Promise<PushAnswer> {
  try {
    const { type, data } = await peers.verify(jwt);
    const challenge: unknown =
      typeof data === 'object' && data !== null ? Reflect.get(data, 'challenge') : undefined;
    if (type !== VERIFICATION || typeof challenge !== 'string')
      throw new Refused('claims_invalid', 'type');
    return json(200, { challenge });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return refused(refusal);
  }
}

function refused({ err, description }: { err: string; description: string }): PushAnswer {
  return json(400, { err, description });
}

function json(status: number, body: object): PushAnswer {
  const headers = { 'content-type': 'application/json', 'content-language': 'en' };
  return { status, headers, body: JSON.stringify(body) };
}

type Answerer = Webhook['answer'];

async function respond(
  request: RequestLike,
  response: ServerResponse,
  answer: Answerer,
): Promise<void> {
  const contentType = request.headers['content-type'];
  const body = await bodyOf(request);
  const {
    status,
    headers,
    body: text,
  } = await answer({
    method: request.method,
    contentType,
    body,
  });
  // What was not read to its end would be taken for the next request.
  response.writeHead(status, body === undefined ? { ...headers, connection: 'close' } : headers);
  response.end(text);
}

function fastifyPlugin(answer: Answerer): Webhook['fastify'] {
  return async (app) => {
    app.addContentTypeParser(MEDIA_TYPE, { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    );
    app.post('/', async (request, reply) => {
      const { status, headers, body } = await answer({
        method: 'POST',
        contentType: request.headers['content-type'],
        body: typeof request.body === 'string' ? request.body : '',
      });
      return reply.code(status).headers(headers).send(body);
    });
  };
}
