import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExchangeProcess } from '../support/process.js';
import { freePort } from '../support/services.js';
import { request } from '../support/wire.js';
import { World } from '../support/world.js';

describe('with OPS_PORT', () => {
  let world: World;
  let api: ExchangeProcess;
  let worker: ExchangeProcess;

  beforeAll(async () => {
    world = await World.bare();
    const start = async (ROLES: string): Promise<ExchangeProcess> =>
      ExchangeProcess.start({ ...world.env, ROLES, OPS_PORT: String(await freePort()) });
    [api, worker] = await Promise.all([start('api'), start('worker')]);
  });
  afterAll(async () => {
    await Promise.all([api, worker].map((one) => one.kill()));
    await world.stop();
  });

  it.each(['/health/live', '/health/ready', '/metrics'])(
    '%s is there and no longer on the port of the API',
    async (path) => {
      expect((await request(api.opsUrl, 'GET', path)).status).toBe(200);
      expect((await request(worker.opsUrl, 'GET', path)).status).toBe(200);
      for (const method of ['GET', 'POST', 'HEAD'])
        expect((await request(api.url, method, path)).status, method).toBe(404);
    },
  );

  it.each(['/%6detrics', '/metrics/', '/metrics?x=1', '/health/%6cive', '/Metrics'])(
    '%s does not lead there either',
    async (path) => {
      expect((await request(api.url, 'GET', path)).status).toBe(404);
    },
  );

  it.each([
    ['GET', '/v1/partners'],
    ['POST', '/v1/envelopes'],
    ['POST', '/oauth/token'],
    ['GET', '/docs'],
    ['GET', '/docs/swagger-ui.css'],
    ['GET', '/openapi.json'],
    ['GET', '/errors'],
    ['GET', '/.well-known/sealpost'],
  ])('%s %s is not there', async (method, path) => {
    expect((await request(api.opsUrl, method, path)).status).toBe(404);
    expect((await request(worker.opsUrl, method, path)).status).toBe(404);
  });

  it('the API answers as before, and a worker listens nowhere else', async () => {
    expect((await request(api.url, 'GET', '/.well-known/sealpost')).status).toBe(200);
    await expect(fetch(worker.url)).rejects.toThrow('fetch failed');
  });

  it('both end on SIGTERM with 0', async () => {
    const exits = await Promise.all([api, worker].map((one) => one.end('SIGTERM')));

    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
  });
});

describe('npm run sbom', () => {
  it('lists what is shipped, from the lock alone', () => {
    const run = spawnSync(process.execPath, ['dist/sbom.js'], {
      encoding: 'utf8',
      env: { ...process.env, npm_config_offline: 'true' },
      maxBuffer: 64 * 1_048_576,
    });
    const bom = JSON.parse(run.stdout) as {
      bomFormat: string;
      components: { name: string; version: string; purl: string; hashes?: unknown[] }[];
    };
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };

    expect(run.status).toBe(0);
    expect(bom.bomFormat).toBe('CycloneDX');
    const shipped = new Map(bom.components.map(({ name, version }) => [name, version]));
    expect(Object.entries(dependencies).filter(([name, v]) => shipped.get(name) !== v)).toEqual([]);
    expect(shipped.has('vitest')).toBe(false);
  });
});
