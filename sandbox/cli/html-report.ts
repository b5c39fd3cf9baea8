// Writes a report of audit events as one page for the browser. The program that makes the page is loaded only here.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DIST, VERSION } from '../../shared/bundles.js';
import { type AuditEvent, readAuditEvent } from '../../shared/protocol/audit-events.js';
import { type Report, Summarizer } from '../page/summarize.js';
import { readLog, readObject, type Written } from './audit.js';
import type { NewFile } from './describe-learnt.js';

const OWNER_ALONE = 0o600;

interface ReportProgram {
  readonly reportPage: (report: Report) => string;
}

/** @throws PosternError `output_file` */
export function writeHtml(file: NewFile, report: Omit<Report, 'version' | 'at'>): void {
  const load = createRequire(import.meta.url);
  const { reportPage } = load(join(DIST, 'run/report-page.cjs')) as ReportProgram;
  file.write(reportPage({ ...report, version: VERSION, at: new Date().toISOString() }), OWNER_ALONE);
}

/** @returns the sums of a whole log @throws PosternError `audit_destination`, or the error of the system */
export async function summarizeLog(path: string): Promise<Report['summary']> {
  const summarizer = new Summarizer();
  await readLog(path, false, async (lines) => {
    for (const line of lines) take(summarizer, readObject(line));
  });
  return summarizer.summary;
}

/** What is no event of this version is passed over. */
function take(summarizer: Summarizer, written: Written | undefined): void {
  if (written === undefined) return;
  const event: AuditEvent | undefined = readAuditEvent(written);
  if (event !== undefined) summarizer.take(event);
  else if (written.event === 'gap' && typeof written['events'] === 'number')
    summarizer.gap({ events: written['events'] });
}
