import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Refused } from '../../envelope/index.js';
import { Settings } from '../config/index.js';
import { serverOptions } from './adapter.js';

/** Requests that came in on the ops port. */
const FROM_OPS = new WeakSet<IncomingMessage>();

/** Paths for whoever runs the exchange. */
const OPS_PATH = /^\/(?:health\/|metrics(?:\/|$))/;

/** True for what is asked by whoever runs the exchange, on whichever port. */
export function isOpsPath({ url, routeOptions }: FastifyRequest): boolean {
  return OPS_PATH.test(routeOptions.url ?? url.split('?', 1)[0] ?? '');
}

/**
 * With OPS_PORT, `/health/*` and `/metrics` are there and nothing else is, and they are nowhere else.
 * Call before `init`.
 */
export function separateOps(app: NestFastifyApplication): void {
  if (app.get(Settings).OPS_PORT === undefined) return;
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request) => {
      if (isOpsPath(request) !== FROM_OPS.has(request.raw)) throw new Refused('not_found');
    });
}

/** Listens on OPS_PORT until the application closes. Call after `init`; answers its URL. */
export async function listenForOps(app: NestFastifyApplication): Promise<string | undefined> {
  const settings = app.get(Settings);
  const { OPS_PORT, OPS_HOST } = settings;
  if (OPS_PORT === undefined) return undefined;
  const fastify = app.getHttpAdapter().getInstance();
  await fastify.ready();
  const server = createServer(serverOptions(settings), (request, response) => {
    FROM_OPS.add(request);
    fastify.routing(request, response);
  });
  server.setTimeout(settings.CONNECTION_TIMEOUT_MS);
  await listen(server, OPS_PORT, OPS_HOST);
  fastify.server.on('close', () => stop(server));
  return `http://${OPS_HOST.includes(':') ? `[${OPS_HOST}]` : OPS_HOST}:${OPS_PORT}`;
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

function stop(server: Server): void {
  server.close();
  server.closeIdleConnections();
}
