// A browser for pages of postern, and what is looked for in each: accessibility, and what a page must not do.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** Pictures for a person go here. */
const PICTURES = process.env['POSTERN_TEST_PICTURES'];

export interface Look {
  readonly scheme: 'light' | 'dark';
  readonly width: number;
}

export const LOOKS: readonly Look[] = [
  { scheme: 'light', width: 1200 },
  { scheme: 'dark', width: 1200 },
  { scheme: 'light', width: 400 },
  { scheme: 'dark', width: 400 },
];

export class TestBrowser {
  #browser: Browser | undefined;

  /** One for all tests of a file. */
  constructor() {
    before(async () => {
      const args = ['--no-sandbox', '--disable-gpu'];
      this.#browser = await chromium.launch({ executablePath: '/usr/bin/chromium-headless-shell', args });
    });
    after(() => this.#browser?.close());
  }

  /** @returns a page without a session, as another browser would have it, and what it complained about */
  async open(
    look: Look = { scheme: 'light', width: 1200 },
  ): Promise<{ readonly page: Page; readonly errors: string[] }> {
    assert.ok(this.#browser !== undefined);
    const context = await this.#browser.newContext({
      viewport: { width: look.width, height: 800 },
      colorScheme: look.scheme,
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('console', (said) => {
      if (said.type() === 'error') errors.push(said.text());
    });
    return { page, errors };
  }
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** Nothing that axe finds, and nothing that is wider than the page. */
export async function requireAccessible(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  // In a world of its own, which the page's policy does not bind.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send('Page.getFrameTree');
  const world = await session.send('Page.createIsolatedWorld', {
    frameId: frameTree.frame.id,
    worldName: 'axe',
  });
  const contextId = world.executionContextId;
  await session.send('Runtime.evaluate', { expression: readFileSync(AXE, 'utf8'), contextId });
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression: 'axe.run().then(({ violations }) => JSON.stringify({ violations }))',
    contextId,
    awaitPromise: true,
    returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
  const { violations } = JSON.parse(String(result.value)) as AxeResult;
  const told = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('\n')}`,
  );
  assert.deepEqual(told, [], name);
  const over = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  assert.ok(Number(over) <= 0, `${name} is ${over} px wider than the page`);
}
