import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  configureHttp,
  Log,
  makeAdapter,
  Metrics,
  readSettings,
  Settings,
  Stopping,
} from '../platform/index.js';
import { DiscoveryController } from './discovery.controller.js';
import { ExchangeKeys } from './exchange-keys.js';

const ISSUER = 'https://exchange.example/eu/one';
let app: NestFastifyApplication;

beforeAll(async () => {
  @Module({
    controllers: [DiscoveryController],
    providers: [
      { provide: Settings, useValue: readSettings({ ISSUER }) },
      { provide: Log, useValue: new Log('silent') },
      Metrics,
      Stopping,
      { provide: ExchangeKeys, useValue: { published: async () => ({ keys: [{ kid: 'one' }] }) } },
    ],
  })
  class World {}

  app = await NestFactory.create<NestFastifyApplication>(
    World,
    makeAdapter({ now: () => new Date('2030-01-01T00:00:00Z') }),
    { logger: false, bodyParser: false },
  );
  configureHttp(app);
  await app.init();
});

afterAll(() => app.close());

describe('/.well-known', () => {
  it('publishes the keys as a JWK Set that may be cached for a minute', async () => {
    const answer = await app.inject('/.well-known/jwks.json');

    expect(answer.json()).toEqual({ keys: [{ kid: 'one' }] });
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/jwk-set\+json/),
      'cache-control': 'public, max-age=60',
    });
  });

  it('describes the exchange', async () => {
    expect((await app.inject('/.well-known/sealpost')).json()).toMatchObject({
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/oauth/token`,
      algorithms: {
        sign: ['Ed25519', 'EdDSA', 'ES256', 'PS256', 'ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'],
        seal: ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'],
        content: ['A256GCM', 'A256CBC-HS512'],
      },
      limits: { envelopeBytes: 1_048_576, batchEnvelopes: 100, lifetimeSeconds: 604_800 },
    });
  });

  it.each(['', '/eu/one'])('gives RFC 8414 metadata, with "%s" after it', async (path) => {
    const answer = await app.inject(`/.well-known/oauth-authorization-server${path}`);

    expect(answer.json()).toMatchObject({
      issuer: ISSUER,
      grant_types_supported: ['client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt'],
    });
  });

  it.each(['/eu/two', '/eu', '/eu/one/more', '/'])('knows no issuer at %s', async (path) => {
    const answer = await app.inject(`/.well-known/oauth-authorization-server${path}`);

    expect(answer.statusCode).toBeGreaterThanOrEqual(404);
    expect(answer.statusCode).toBeLessThan(406);
  });
});
