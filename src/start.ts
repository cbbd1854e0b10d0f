import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { banner } from './banner.js';
import {
  chargeCallers,
  configureHttp,
  listenForOps,
  Log,
  makeAdapter,
  serveOpenApi,
  type Settings,
  settingsFromEnvironment,
  Stopping,
  SystemClock,
} from './platform/index.js';

/** After this a shutdown that hangs is cut off; the embedded PostgreSQL stops by itself then. */
const STOP_WITHIN_MS = 4_500;

/** Starts the roles asked for and stops them on SIGINT or SIGTERM. Ends the process on any fault. */
export async function start(): Promise<void> {
  try {
    const settings = settingsFromEnvironment();
    const app = await makeApp(settings);
    stopOnSignals(app);
    await listen(app, settings);
    await sayItRuns(app, settings);
  } catch (error) {
    process.stderr.write(`${sayWhy(error)}\n`);
    process.exit(1);
  }
}

/** To a person in words; to whoever collects logs in a line like all others. */
async function sayItRuns(app: NestFastifyApplication, settings: Settings): Promise<void> {
  if (settings.embedded || process.stdout.isTTY) process.stdout.write(await banner(app, settings));
  else app.get(Log).step('exchange.started', { roles: settings.ROLES, issuer: settings.issuer });
}

async function makeApp(settings: Settings): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoles(settings.ROLES),
    makeAdapter(new SystemClock(), settings),
    { logger: new Log(settings.LOG_LEVEL), abortOnError: false, bodyParser: false },
  );
  configureHttp(app);
  if (settings.runs('api')) chargeCallers(app);
  if (settings.runs('api')) serveOpenApi(app);
  return app;
}

/** A worker with an ops port is called by nobody else. */
async function listen(app: NestFastifyApplication, settings: Settings): Promise<void> {
  await app.init();
  await listenForOps(app);
  if (settings.runs('api') || settings.OPS_PORT === undefined)
    await app.listen(settings.PORT, settings.HOST);
}

function stopOnSignals(app: NestFastifyApplication): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    app.get(Stopping).begin();
    app.close().then(
      () => process.exit(process.exitCode ?? 0),
      () => process.exit(1),
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function sayWhy(error: unknown): string {
  if (!(error instanceof Error)) return 'Cannot start.';
  if (error.message.startsWith('Cannot start')) return error.message;
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `Cannot start: ${error.message}${cause}`;
}
