import { readSettings, type Settings } from './settings.js';

/** The one place that reads the environment. Throws the faults of all settings at once. */
export function settingsFromEnvironment(): Settings {
  return readSettings(process.env);
}
