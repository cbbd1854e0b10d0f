import { resolve } from 'node:path';
import { Directory, Exchange, Identity, Session } from '../client/index.js';
import { OPERATOR_ID } from '../envelope/index.js';
import type { Line, Option } from './command.js';
import { type Receiving, receivingOf } from './content.js';
import { environment } from './environment.js';
import { UsageFault } from './failures.js';
import { readPrivateJwk } from './files.js';
import { KnownKeys } from './known-keys.js';
import type { Out } from './out.js';
import { chosenProfile, identityOf, KNOWN_SUFFIX, type Profile, readProfile } from './profile.js';

const DEFAULT_URL = 'http://localhost:3000';
const OPERATOR_FILE = 'operator.jwk';

/** The option of everything that only the operator may do. */
export const OPERATOR_OPTION: Readonly<Record<string, Option>> = {
  'operator-key': {
    type: 'string',
    value: '<file>',
    says: `Private JWK of the operator; else $DATA_DIR/${OPERATOR_FILE}, ./.data/${OPERATOR_FILE}`,
  },
};

/** What a command works with: where to write, who it is, which exchange. Asked for only when needed. */
export class Desk {
  /** For messages: the exchange that was spoken to last. */
  url: string;
  #profile: Promise<{ readonly path: string; readonly profile: Profile }> | undefined;

  constructor(
    readonly out: Out,
    readonly line: Line,
    /** Ctrl-C. */
    readonly stop: AbortSignal,
  ) {
    this.url = line.text('url') ?? environment.SEALPOST_URL ?? DEFAULT_URL;
  }

  /** The chosen profile and its file. Throws UsageFault. */
  profile(): Promise<{ readonly path: string; readonly profile: Profile }> {
    this.#profile ??= chosenProfile(this.line.text('profile')).then(async (path) => ({
      path,
      profile: await readProfile(path),
    }));
    return this.#profile;
  }

  /** The exchange, for what needs no identity. */
  exchange(profileUrl?: string): Exchange {
    const url = this.line.text('url') ?? profileUrl ?? environment.SEALPOST_URL ?? DEFAULT_URL;
    if (!URL.canParse(url) || !/^https?:/.test(url))
      throw new UsageFault(`"${url}" is not the URL of an exchange`, `For example ${DEFAULT_URL}`);
    this.url = url.replace(/\/$/, '');
    return new Exchange(url);
  }

  /** The profile's partner at its exchange. */
  async session(): Promise<Session> {
    const { path, profile } = await this.profile();
    return new Session(await identityOf(path, profile), this.exchange(profile.url));
  }

  /** The same, with the keys of those it deals with, as far as they are known to be theirs. */
  async directory(): Promise<Directory> {
    const { path } = await this.profile();
    const pins = new KnownKeys(path.replace(/(?:\.json)?$/, KNOWN_SUFFIX));
    return new Directory(await this.session(), { pins });
  }

  /** The same, for what comes in. */
  async receiver(): Promise<Receiving> {
    return receivingOf(await this.directory());
  }

  /** The operator of the exchange. */
  async operator(): Promise<Session> {
    const path =
      this.line.text('operator-key') ?? resolve(environment.DATA_DIR ?? '.data', OPERATOR_FILE);
    const jwk = await readPrivateJwk(path, "The operator's key");
    const url = await this.profile().then(
      ({ profile }) => profile.url,
      () => undefined,
    );
    return new Session(await Identity.of(OPERATOR_ID, [jwk]), this.exchange(url));
  }
}
