import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Identity } from '../client/index.js';
import { isPartnerId } from '../envelope/index.js';
import { environment } from './environment.js';
import { UsageFault } from './failures.js';
import { readObject, readPrivateJwk, writeOwn } from './files.js';

const FOLDER = '.sealpost';
const SUFFIX = '.json';
/** Beside each profile: whose keys it has seen. */
export const KNOWN_SUFFIX = '.known.json';

/** Who somebody is at which exchange, so that nothing is typed twice. Holds paths of keys, never keys. */
export interface Profile {
  readonly id: string;
  readonly url?: string;
  /** Files of private JWKs, relative to the profile's own. The first `sig` key signs. */
  readonly keys: readonly string[];
}

/** The file of this profile: a path, or a name in ./.sealpost. */
export function profilePath(nameOrPath: string): string {
  const isPath = nameOrPath.endsWith(SUFFIX) || /[/\\]/.test(nameOrPath);
  return resolve(isPath ? nameOrPath : `${FOLDER}/${nameOrPath}${SUFFIX}`);
}

/** Which profile is meant: the one named, by `--profile` or $SEALPOST_PROFILE, or the only one there is. */
export async function chosenProfile(named: string | undefined): Promise<string> {
  const name = named ?? environment.SEALPOST_PROFILE;
  if (name !== undefined && name !== '') return profilePath(name);
  const names = await profileNames();
  const [only] = names;
  if (only === undefined)
    throw new UsageFault('There is no profile here yet', 'Make one: sealpost keygen <partner id>');
  if (names.length > 1)
    throw new UsageFault(
      `Who are you? There are ${names.length} profiles here: ${names.join(', ')}`,
      `Add --profile ${only}, or set SEALPOST_PROFILE.`,
    );
  return profilePath(only);
}

async function profileNames(): Promise<string[]> {
  const files = await readdir(FOLDER).catch(() => []);
  return files
    .filter((file) => file.endsWith(SUFFIX) && !file.endsWith(KNOWN_SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .toSorted();
}

/** Throws UsageFault, naming the file. */
export async function readProfile(path: string): Promise<Profile> {
  const { id, url, keys } = await readObject(path, 'The profile');
  if (!isPartnerId(id)) throw new UsageFault(`"id" is not a partner id in ${path}`);
  if (url !== undefined && typeof url !== 'string')
    throw new UsageFault(`"url" is not a URL in ${path}`);
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
    throw new UsageFault(`"keys" is not a list of files in ${path}`);
  return { id, keys, ...(url === undefined ? {} : { url }) };
}

export function writeProfile(path: string, profile: Profile): Promise<void> {
  return writeOwn(path, profile);
}

/** The identity of a profile, with its private keys from their files. */
export async function identityOf(path: string, { id, keys }: Profile): Promise<Identity> {
  const folder = dirname(path);
  return Identity.of(
    id,
    await Promise.all(keys.map((file) => readPrivateJwk(resolve(folder, file)))),
  );
}
