// The reference pages, each as its whole text. What stands between the two marks of docs/limits.md is a table; the rest of that page
// is written by hand, and so are the other columns of the guarantees in SECURITY.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditPage } from './audit-page.js';
import { configPage, limitTable } from './config-page.js';
import { errorsPage } from './errors-page.js';
import { metricsPage } from './metrics-page.js';
import { withEnforcement } from './security-table.js';

const BEGIN = '<!-- Written by npm run reference -->';
const END = '<!-- End of the table -->';

/**
 * @param top the folder of the project
 * @returns each page by its path below `top`
 */
export function referencePages(top: string): ReadonlyMap<string, string> {
  return new Map([
    ['docs/audit.md', auditPage()],
    ['docs/config.md', configPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/limits.md', withTable(readFileSync(join(top, 'docs/limits.md'), 'utf8'), limitTable())],
    ['docs/metrics.md', metricsPage()],
    ['SECURITY.md', withEnforcement(readFileSync(join(top, 'SECURITY.md'), 'utf8'), top)],
  ]);
}

function withTable(page: string, table: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/limits.md has no "${BEGIN}" with "${END}" behind it`);
  return `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`;
}
