import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ValidationPipe, type ValidationError } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { Refused } from '../../envelope/index.js';
import { Settings } from '../config/index.js';
import { Log } from '../log/index.js';
import { Metrics } from '../metrics/metrics.js';
import { Stopping } from '../stopping.js';
import { prepareFastify } from './adapter.js';
import { separateOps } from './ops-port.js';
import { guardDocs } from './pages.js';
import { ProblemFilter } from './problem.filter.js';
import { Routes } from './routes.js';

/** Parsers, validation and the problem door: the same for the service and for tests. */
export function configureHttp(app: NestFastifyApplication): void {
  const routes = new Routes();
  const filter = new ProblemFilter(app.get(Settings), app.get(Log), routes);
  const fastify = app.getHttpAdapter().getInstance();
  prepareFastify(fastify, routes, (error, request, reply) => filter.answer(error, request, reply));
  separateOps(app);
  guardDocs(fastify);
  fastify.server.maxConnections = app.get(Settings).MAX_CONNECTIONS;
  overTls(fastify, app.get(Settings));
  measure(fastify, app.get(Metrics));
  closeWhenStopping(fastify, app.get(Stopping));
  if (!app.get(Settings).runs('api')) showOnlyHealth(fastify);
  app.useGlobalFilters(filter);
  app.useGlobalPipes(strictValidation());
}

/** Partners reach it by https: their clients keep to it from then on. Plain http is left as it is. */
function overTls(fastify: FastifyInstance, { issuer }: Settings): void {
  if (!issuer.startsWith('https:')) return;
  fastify.addHook('onRequest', async (_request, reply) => {
    reply.header('strict-transport-security', 'max-age=31536000');
  });
}

/** A worker is watched, not called, whatever the modules that it shares with the API bring along. */
function showOnlyHealth(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async ({ routeOptions: { url = '' } }) => {
    if (!/^\/(?:health\/|metrics$)/.test(url)) throw new Refused('not_found');
  });
}

/** A connection that is kept alive past the answer to a long poll would hold up the shutdown. */
function closeWhenStopping(fastify: FastifyInstance, { signal }: Stopping): void {
  fastify.addHook('onSend', async (_request, reply) => {
    if (signal.aborted) reply.header('connection', 'close');
  });
  dropSilent(fastify.server, signal);
}

/** Nor is a connection waited for that never asked anything: node:http does not count it among the idle. */
function dropSilent(server: FastifyInstance['server'], signal: AbortSignal): void {
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(socket));
  signal.addEventListener('abort', () => {
    for (const socket of silent) socket.destroy();
  });
}

function measure(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method, routeOptions } = request;
    const labels = { method, route: routeOptions.url ?? 'none', status: String(reply.statusCode) };
    metrics.httpSeconds.observe(labels, reply.elapsedTime / 1000);
    done();
  });
}

/** Unknown members are refused, nothing is coerced, and the answer names members, never values. */
export function strictValidation(): ValidationPipe {
  return new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    exceptionFactory: (errors) => new Refused('validation_failed', faultsOf(errors).join('; ')),
  });
}

const MAX_NAMED_FAULTS = 10;

function faultsOf(errors: readonly ValidationError[], under = ''): string[] {
  return errors
    .flatMap((error) => {
      const member = `${under}${error.property.slice(0, 64)}`;
      const own = Object.keys(error.constraints ?? {});
      const says = own.includes('whitelistValidation')
        ? [`${member} is not a member of this request`]
        : Object.values(error.constraints ?? {});
      return [...says, ...faultsOf(error.children ?? [], `${member}.`)];
    })
    .slice(0, MAX_NAMED_FAULTS);
}
