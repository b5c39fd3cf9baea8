// The reference pages and the dashboard for Grafana, each as its whole text. What stands between the two marks of docs/differences.md, docs/limits.md and docs/rules.md is a table;
// the rest of these pages is written by hand, and so are the other columns of the guarantees in SECURITY.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RULE_CLASSES } from '../../shared/policy/special-blocks.js';
import { dashboardJson } from '../grafana/dashboard.js';
import { auditPage } from './audit-page.js';
import { configPage, limitTable } from './config-page.js';
import { errorsPage } from './errors-page.js';
import { code, table } from './markdown.js';
import { metricsPage } from './metrics-page.js';
import { optionTable } from './option-table.js';
import { withEnforcement } from './security-table.js';
import { CLASS_MEANINGS } from './word-meanings.js';

const BEGIN = '<!-- Written by npm run reference -->';
const END = '<!-- End of the table -->';

/**
 * @param top the folder of the project
 * @returns each page by its path below `top`
 */
export function referencePages(top: string): ReadonlyMap<string, string> {
  return new Map([
    ['deploy/grafana/postern.json', dashboardJson()],
    ['docs/audit.md', auditPage()],
    ['docs/config.md', configPage()],
    withTable(top, 'docs/differences.md', optionTable()),
    ['docs/errors.md', errorsPage()],
    withTable(top, 'docs/limits.md', limitTable()),
    ['docs/metrics.md', metricsPage()],
    withTable(top, 'docs/rules.md', classTable()),
    ['SECURITY.md', withEnforcement(readFileSync(join(top, 'SECURITY.md'), 'utf8'), top)],
  ]);
}

function classTable(): string {
  return table(
    ['class', 'its addresses'],
    RULE_CLASSES.map((name) => [code(`@${name}`), CLASS_MEANINGS[name]]),
  );
}

function withTable(top: string, path: string, table: string): [path: string, page: string] {
  const page = readFileSync(join(top, path), 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`${path} has no "${BEGIN}" with "${END}" behind it`);
  return [path, `${page.slice(0, begin + BEGIN.length)}\n${table}\n${page.slice(end)}`];
}
