import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { resolve } from 'node:path';
import pc from 'picocolors';
import type { Settings } from './platform/index.js';

/** What a person who started the exchange wants to know next. */
export async function banner(app: NestFastifyApplication, settings: Settings): Promise<string> {
  const ops = opsUrl(settings) ?? (await urlOf(app));
  const health = ['Health', `${ops}/health/ready`];
  const rows = settings.runs('api') ? apiRows(await urlOf(app), health, settings) : [health];
  const width = Math.max(...rows.map(([name]) => name?.length ?? 0));
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${pc.cyan(value)}`);
  const engine = settings.REDIS_URL === undefined ? 'PostgreSQL' : 'Redis';
  const queue = settings.runs('worker') ? `, queue on ${engine}` : '';
  const where = settings.embedded ? 'embedded PostgreSQL' : 'PostgreSQL';
  return [
    '',
    pc.bold(`Sealpost is running`) + pc.dim(`  ${settings.ROLES.join(' and ')}, ${where}${queue}`),
    '',
    ...lines,
    '',
    ...warnings(settings),
    pc.dim('  Ctrl-C stops it; the data stays.'),
    '',
    '',
  ].join('\n');
}

async function urlOf(app: NestFastifyApplication): Promise<string> {
  return (await app.getUrl()).replace('127.0.0.1', 'localhost').replace('[::1]', 'localhost');
}

function opsUrl({ OPS_PORT, OPS_HOST }: Settings): string | undefined {
  if (OPS_PORT === undefined) return undefined;
  return `http://${OPS_HOST === '127.0.0.1' ? 'localhost' : OPS_HOST}:${OPS_PORT}`;
}

function apiRows(url: string, health: string[], settings: Settings): string[][] {
  return [
    ['Swagger UI', `${url}/docs`],
    health,
    ['Issuer', settings.issuer],
    ...(settings.embedded && settings.OPERATOR_JWKS === undefined
      ? [["Operator's key", resolve(settings.DATA_DIR, 'operator.jwk')]]
      : []),
  ];
}

function warnings(settings: Settings): string[] {
  const says: string[] = [];
  if (settings.embedded && settings.onLoopback)
    says.push(
      'Endpoints on this machine and plain http are allowed, since only it can reach this exchange.',
    );
  if (!settings.embedded && settings.OPERATOR_JWKS === undefined)
    says.push('OPERATOR_JWKS is not set: nobody can approve partners.');
  return says.map((line) => pc.yellow(`  ${line}`));
}
