import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where a Chromium is; undefined where none is installed, and then its tests are skipped by name. */
export function findChromium(): string | undefined {
  const found = CHROMIUM.find(existsSync);
  if (found === undefined) {
    if (process.env['REQUIRE_ALL'] === '1') throw new Error('REQUIRE_ALL=1 needs chromium');
    process.stdout.write('Skipped: everything in a browser (no chromium installed)\n');
  }
  return found;
}

/** A real browser without a window, that looks nothing up by itself. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
