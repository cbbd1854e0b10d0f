import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from '../app.module.js';
import { makeAdapter, openApiDocument, SystemClock } from '../platform/index.js';

/** docs/openapi.json: what the service answers at /openapi.json. Starts no provider, needs no database. */
export async function printOpenApi(): Promise<string> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoles(['api', 'worker']),
    makeAdapter(new SystemClock()),
    // preview: the modules are read, nothing in them is made.
    { preview: true, logger: false, abortOnError: false, bodyParser: false },
  );
  return `${JSON.stringify(openApiDocument(app), undefined, 2)}\n`;
}
