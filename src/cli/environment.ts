/** The environment variables that the command and the demo look at, read here and nowhere else. */
export interface CliEnvironment {
  /** Which profile, when `--profile` does not say. */
  readonly SEALPOST_PROFILE?: string;
  /** Which exchange, when neither `--url` nor the profile says. */
  readonly SEALPOST_URL?: string;
  /** Where the exchange on this machine keeps `operator.jwk`. */
  readonly DATA_DIR?: string;
  readonly [name: string]: string | undefined;
}

// oxlint-disable-next-line node/no-process-env -- the one place where the command reads it
export const environment: CliEnvironment = process.env;
