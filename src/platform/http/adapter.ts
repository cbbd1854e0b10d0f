import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ServerOptions } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Broken, JsonFault, parseStrictJson, Refused } from '../../envelope/index.js';
import { uuidV7 } from '../ids.js';
import type { Clock } from '../clock.js';
import { type Limits, Settings } from '../config/index.js';
import type { Routes } from './routes.js';

/** Body limits, in bytes. One envelope is at most 1 MiB, a batch at most 16 MiB. */
export const MAX_ENVELOPE_BYTES = 1_048_576;
export const MAX_BATCH_BYTES = 16 * 1_048_576;
/** Most envelopes of one batch. */
export const MAX_BATCH_ENVELOPES = 100;
const MAX_BODY_BYTES = 262_144;

const BATCH_ROUTE = '/v1/envelopes';
/** Media types of a compact JWT as a body. */
export const JWT_TYPES = ['application/jwt', 'application/jose'];

/** True when the body is a compact JWT, which is a credential of its own. */
export function hasSignedBody(request: FastifyRequest): boolean {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type !== undefined && JWT_TYPES.includes(type);
}

type AnswerError = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;

/** How a path is answered that does not decode or is too long. */
const BAD_PATHS = new WeakMap<FastifyInstance, AnswerError>();

/** Node's own bounds, named so that no release of it changes them. */
const MAX_HEADER_BYTES = 16_384;
/** Node drops headers beyond a number of its own without a word: here they are refused instead. */
const MAX_HEADERS = 100;
/** How often Node looks for requests whose time is over: this much later they end at most. */
const LOOK_EVERY_MS = 5_000;
/** A connection is not kept for ever: after a roll-out, load spreads over new processes. */
const MAX_REQUESTS_PER_SOCKET = 10_000;

/** Fastify with every limit set on purpose (docs/operations.md lists them beside its defaults). */
export function makeAdapter(clock: Clock, limits: Limits = new Settings()): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    http: serverOptions(limits),
    requestTimeout: limits.REQUEST_TIMEOUT_MS,
    connectionTimeout: limits.CONNECTION_TIMEOUT_MS,
    keepAliveTimeout: Math.min(72_000, limits.CONNECTION_TIMEOUT_MS),
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    exposeHeadRoutes: false,
    // A kid has up to 128 characters, each up to three in a path.
    routerOptions: { maxParamLength: 400 },
    trustProxy: limits.TRUST_PROXY.length > 0 && limits.TRUST_PROXY,
    forceCloseConnections: 'idle',
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    genReqId: () => uuidV7(clock.now()),
    // Reached only by a path that no router takes; no route is entered, so no filter of Nest's is asked.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      setFixedHeaders(request, reply);
      BAD_PATHS.get(request.server)?.(error, request, reply);
    },
  });
}

/** What Node is told when it makes a server; the ops port's is made alike. */
export function serverOptions({ REQUEST_TIMEOUT_MS }: Limits): ServerOptions {
  return {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: Math.ceil(REQUEST_TIMEOUT_MS / 2),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, Math.ceil(REQUEST_TIMEOUT_MS / 4)),
  };
}

/** Parsers, fixed headers and the checks that come before any route. Call before `init`. */
export function prepareFastify(
  fastify: FastifyInstance,
  routes: Routes,
  answerError: AnswerError,
): void {
  routes.watch(fastify);
  // None is dropped: the block is bounded by its bytes, and checkRequest refuses too many.
  fastify.server.maxHeadersCount = 0;
  BAD_PATHS.set(fastify, answerError);
  fastify.addHook('onRoute', (route) => {
    if (route.url === BATCH_ROUTE) route.bodyLimit = MAX_BATCH_BYTES;
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (_request, body, done) => {
      try {
        done(null, parseJson(body));
      } catch (error) {
        done(
          error instanceof Error ? error : new Broken('the body was not read', { cause: error }),
        );
      }
    },
  );
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 65_536 },
    (_request, body, done) => done(null, parseForm(String(body))),
  );
  for (const type of JWT_TYPES)
    fastify.addContentTypeParser(
      type,
      { parseAs: 'buffer', bodyLimit: MAX_ENVELOPE_BYTES },
      // latin1 keeps one character a byte: what is not ASCII is refused later as what it is.
      (_request, body, done) => done(null, Buffer.from(body).toString('latin1')),
    );
  fastify.addHook('onRequest', async (request, reply) => {
    setFixedHeaders(request, reply);
    checkRequest(request);
  });
}

const FIXED_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  // What is not a page runs nothing, whatever a browser takes it for; pages say what they need.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

function setFixedHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ ...FIXED_HEADERS, 'x-request-id': request.id });
}

/** What Fastify lets through and RFC 9112 section 3.2 and RFC 9110 section 8.4 do not. */
function checkRequest(request: FastifyRequest): void {
  if (request.raw.rawHeaders.length > 2 * MAX_HEADERS)
    throw new Refused('validation_failed', `at most ${MAX_HEADERS} headers`);
  const hosts = request.raw.rawHeaders.filter((name, i) => i % 2 === 0 && /^host$/i.test(name));
  if (hosts.length !== 1) throw new Refused('validation_failed', 'exactly one host header');
  if (request.headers['content-encoding'] !== undefined)
    throw new Refused('unsupported_media_type', 'content-encoding is not taken');
  if (/charset=(?!"?utf-8)/i.test(request.headers['content-type'] ?? ''))
    throw new Refused('unsupported_media_type', 'the charset must be utf-8');
  if (/%00/.test(request.url)) throw new Refused('validation_failed', 'the path is not valid');
}

function parseJson(body: string | Buffer): unknown {
  if (body.length === 0) throw new Refused('validation_failed', 'the body is empty');
  try {
    const value = parseStrictJson(typeof body === 'string' ? body : new Uint8Array(body));
    // Nest takes null for a body that is not there.
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw new Refused('validation_failed', `the body is not strict JSON (${error.kind})`);
  }
  throw new Refused('validation_failed', 'the body must be a JSON object');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parameters by name, in one pass; one that comes twice is an array, which every rule refuses. */
function parseForm(body: string): Record<string, unknown> {
  const form = new Map<string, unknown>();
  for (const [name, value] of new URLSearchParams(body))
    form.set(name, form.has(name) ? [] : value);
  return Object.fromEntries(form);
}
