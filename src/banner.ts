import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { resolve } from 'node:path';
import pc from 'picocolors';
import type { Settings } from './platform/index.js';

/** What a person who started the exchange wants to know next. */
export async function banner(app: NestFastifyApplication, settings: Settings): Promise<string> {
  const url = (await app.getUrl()).replace('127.0.0.1', 'localhost').replace('[::1]', 'localhost');
  const rows = settings.runs('api') ? apiRows(url, settings) : [['Health', `${url}/health/ready`]];
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

function apiRows(url: string, settings: Settings): string[][] {
  return [
    ['Swagger UI', `${url}/docs`],
    ['Health', `${url}/health/ready`],
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
