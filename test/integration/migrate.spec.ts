import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Log, migrateDatabase, readSettings } from '../../src/platform/index.js';

describe('npm run migrate', () => {
  const name = `m${randomBytes(6).toString('hex')}`;
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  let admin: Client;

  beforeAll(async () => {
    admin = new Client({ connectionString: inject('postgresUrl') });
    await admin.connect();
    await admin.query(`create database ${name}`);
  });
  afterAll(async () => {
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  });

  it('runs each migration once, whoever is first, and needs no keys', async () => {
    const settings = readSettings({ DATABASE_URL: url.href }, () => []);
    const log = new Log('silent');

    const both = await Promise.all([
      migrateDatabase(settings, log),
      migrateDatabase(settings, log),
    ]);

    expect(both.flat()).toContain('0001-spine');
    expect(new Set(both.flat()).size).toBe(both.flat().length);
    expect(await migrateDatabase(settings, log)).toEqual([]);
  });

  it('says in one line why it cannot, with no credential, and ends with 1', () => {
    const run = spawnSync(process.execPath, ['dist/migrate.js'], {
      env: { DATABASE_URL: 'postgres://u:secret-word@127.0.0.1:1/x', LOG_LEVEL: 'silent' },
      encoding: 'utf8',
    });

    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/^Cannot migrate: .+\n$/);
    expect(run.stdout + run.stderr).not.toContain('secret-word');
  });
});
