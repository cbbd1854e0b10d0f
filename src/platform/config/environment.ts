import { readSettings, type Settings } from './settings.js';

/** The one place that reads the environment. Throws the faults of all settings at once. */
export function settingsFromEnvironment(): Settings {
  return readSettings(process.env);
}

/** For what only touches the database: each setting must be valid, but ISSUER and keys need not be there. */
export function databaseSettingsFromEnvironment(): Settings {
  return readSettings(process.env, () => []);
}
