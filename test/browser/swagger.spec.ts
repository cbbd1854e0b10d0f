import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Exchange, Identity, Session } from '../../src/client/index.js';
import { findChromium, launch } from '../support/browser.js';
import { ExchangeProcess } from '../support/process.js';

const chromium = findChromium();

/** Routes that need no signed value: a newcomer presses "Execute" and sees an answer. */
const UNSIGNED = [
  ['Health', 'live', 200],
  ['Health', 'ready', 200],
  ['Health', 'readMetrics', 200],
  ['Well-known', 'getExchange', 200],
  ['Well-known', 'getExchangeJwks', 200],
  ['Well-known', 'getAuthorizationServer', 200],
] as const;

describe.skipIf(chromium === undefined)('Swagger UI as a newcomer sees it', () => {
  let dir: string;
  let exchange: ExchangeProcess;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sealpost-browser-'));
    exchange = await ExchangeProcess.start({ DATA_DIR: dir });
    browser = await launch(chromium ?? '');
    page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(exchange.url) && !request.url().startsWith('data:'))
        complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(`${exchange.url}/docs`);
    await page.waitForSelector('.opblock');
  });
  afterAll(async () => {
    await browser.close();
    await exchange.end('SIGINT');
    await rm(dir, { recursive: true, force: true });
  });

  const open = async (tag: string, operation: string): Promise<string> => {
    const block = `#operations-${tag}-${operation}`;
    if ((await page.$(`${block}.is-open`)) === null)
      await page.click(`${block} .opblock-summary-control`);
    await page.waitForSelector(`${block}.is-open .opblock-body`);
    return block;
  };

  const execute = async (block: string): Promise<number> => {
    await page.click(`${block} .try-out__btn`);
    await page.click(`${block} .execute`);
    const status = await page.waitForSelector(
      `${block} .live-responses-table tbody .response-col_status`,
    );
    return Number.parseInt((await status.textContent()) ?? '', 10);
  };

  it.each(UNSIGNED)('%s: %s answers when it is tried out', async (tag, operation, status) => {
    expect(await execute(await open(tag, operation))).toBe(status);
  });

  it('shows which command makes a signed value', async () => {
    for (const [tag, operation, command] of [
      ['Envelopes', 'sendEnvelopes', 'sealpost send'],
      ['Onboarding', 'registerPartner', 'sealpost register'],
      ['OAuth', 'issueToken', 'sealpost token'],
    ] as const) {
      const block = await open(tag, operation);
      expect(await page.textContent(`${block} .opblock-body`)).toContain(command);
    }
  });

  it('leads from an error code to what it means', async () => {
    const block = await open('Envelopes', 'sendEnvelopes');

    const href = await page.getAttribute(`${block} a[href$="#replayed"]`, 'href');

    const errors = await browser.newPage();
    await errors.goto(new URL(href ?? '', exchange.url).href);
    expect(await errors.textContent('#replayed')).toContain('other content');
    await errors.close();
  });

  it('calls a guarded route with a token that was pasted into Authorize', async () => {
    const jwk = JSON.parse(await readFile(join(dir, 'operator.jwk'), 'utf8')) as object;
    const operator = new Session(
      await Identity.of('operator', [{ ...jwk }]),
      new Exchange(exchange.url),
    );
    await page.click('.auth-wrapper .authorize');
    await page.fill('.auth-container input', await operator.token());
    await page.click('.auth-btn-wrapper .authorize');
    await page.click('.auth-btn-wrapper .btn-done');

    expect(await execute(await open('Partners', 'listPartners'))).toBe(200);
  });

  it('asks nobody but the exchange, and the browser has nothing to complain of', () => {
    expect(complaints).toEqual([]);
  });

  it('fits a narrow screen', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const overhang = await page.evaluate<number>(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    );
    expect(overhang).toBeLessThanOrEqual(1);
    if (process.env['SCREENSHOTS'] !== undefined)
      await page.screenshot({ path: join(process.env['SCREENSHOTS'], 'swagger-390.png') });
    await page.setViewportSize({ width: 1440, height: 1000 });
    if (process.env['SCREENSHOTS'] !== undefined)
      await page.screenshot({ path: join(process.env['SCREENSHOTS'], 'swagger-1440.png') });
  });
});
