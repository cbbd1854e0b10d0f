import { load, YAML11_SCHEMA } from 'js-yaml';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settingNames } from '../src/docs/settings-table.js';
import { readSettings } from '../src/platform/index.js';

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly [member: string]: unknown;
}

// YAML 1.1 for "<<", which Compose reads.
const compose = load(readFileSync('docker-compose.yml', 'utf8'), { schema: YAML11_SCHEMA }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const services = Object.entries(compose.services);
const own = services.filter(([, service]) => service.image === 'sealpost:local');
const dockerfile = readFileSync('Dockerfile', 'utf8');

const sourceOf = (built: string): string => built.replace(/^dist\/(.*)\.js$/, 'src/$1.ts');
const filledIn = (text: string): string =>
  text.replaceAll(/\$\{(\w+)(?::[-?]([^}]*))?\}/g, (_all, _name, standard: string) => standard);

describe('docker-compose.yml', () => {
  it('has the exchange, its keys, its migration and what it stands on', () => {
    expect(services.map(([name]) => name).toSorted()).toEqual(
      ['api', 'keys', 'migrate', 'postgres', 'redis', 'worker'].toSorted(),
    );
    expect(own).toHaveLength(4);
  });

  it.each(own)('sets only settings that exist for %s', (_name, { environment = {} }) => {
    const known = settingNames();

    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(['api', 'worker'])('gives %s settings it starts with', (name) => {
    const { environment = {} } = compose.services[name] ?? {};
    const given = Object.entries(environment).map(([key, value]) => [key, filledIn(value)]);

    const settings = readSettings(Object.fromEntries(given) as Record<string, string>);

    expect(settings.ROLES).toEqual([name]);
    expect(settings.MIGRATE_AT_START).toBe(false);
  });

  it.each(services)('gives %s no rights it does not need', (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      mem_limit: expect.any(String) as string,
      pids_limit: expect.any(Number) as number,
    });
    expect((service.ports ?? []).every((port) => port.startsWith('127.0.0.1:'))).toBe(true);
  });

  it('gives the private key of the operator to no process of the exchange', () => {
    const holders = services.filter(([, { volumes = [] }]) =>
      volumes.some((volume) => volume.startsWith('operator:')),
    );

    expect(holders.map(([name]) => name)).toEqual(['keys']);
  });

  it('runs only programs that are built', () => {
    const programs = own.flatMap(([, { command = [] }]) =>
      command.filter((word) => word.startsWith('dist/')),
    );

    expect(programs).toHaveLength(2);
    for (const program of programs) expect(existsSync(sourceOf(program))).toBe(true);
  });

  it('waits for services that are there', () => {
    const awaited = services.flatMap(([, service]) => Object.keys(service.depends_on ?? {}));

    expect(awaited.filter((name) => !(name in compose.services))).toEqual([]);
  });
});

describe('the Dockerfile', () => {
  it('copies what is there, and .dockerignore lets it through', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, paths = '']) => paths.split(' '),
    );

    expect(copied.length).toBeGreaterThan(4);
    expect(copied.filter((path) => !existsSync(path))).toEqual([]);
    expect(copied.filter((path) => !ignored.includes(`!${path}`))).toEqual([]);
  });

  it('runs what is built, as somebody without power, and never npm', () => {
    const [, program = ''] = /^CMD \["node", "(.+)"\]$/m.exec(dockerfile) ?? [];

    expect(existsSync(sourceOf(program))).toBe(true);
    expect(dockerfile.split('FROM').at(-1)).toMatch(/^USER node$/m);
    expect(dockerfile.split('FROM').at(-1)).not.toMatch(/\bnpm (?:ci|run|start)/);
  });
});
