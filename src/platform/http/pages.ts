import type { FastifyInstance } from 'fastify';
import { Refused } from '../../envelope/index.js';

/** Swagger UI sets styles from script and has its images inline; scripts come from here alone. */
const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
].join('; ');

/** What the page asks for. The package it comes from holds more: maps, licences, its package.json. */
const DOCS_FILE =
  /^\/docs\/(?:swagger-ui(?:-init|-bundle|-standalone-preset)?\.(?:js|css)|favicon-\d+x\d+\.png)$/;

/** Headers and files of `/docs`. Call before `init`. */
export function guardDocs(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async ({ routeOptions, url }, reply) => {
    if (routeOptions.url?.startsWith('/docs') !== true) return;
    reply.header('content-security-policy', DOCS_POLICY);
    if (routeOptions.url.includes('*') && !DOCS_FILE.test(url)) throw new Refused('not_found');
  });
}
