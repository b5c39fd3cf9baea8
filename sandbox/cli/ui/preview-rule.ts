// What an allow rule would open, before it is written: the file with it is compared with the file as it is. It computes in the process of the page, so that a
// large policy keeps no plugin waiting. The supervisor writes.
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { addRule } from '../../../shared/config/add-rule.js';
import { ConfigError } from '../../../shared/config/config-problem.js';
import { readConfigText } from '../../../shared/config/config-text.js';
import { readConfig } from '../../../shared/config/load-config.js';
import { PosternError } from '../../../shared/errors.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import { describeOpening, differences } from '../diff.js';
import type { ControlLine } from './control-line.js';

const MOST_LINES = 100;
const PARAMS = z.strictObject({ plugin: z.string().max(63), rule: z.string().max(2_000) });

interface Preview {
  /** Lines for a person. */
  readonly opens: readonly string[];
  readonly closes: readonly string[];
}

/** @throws PosternError `rule_not_written`, or as the control socket does */
export async function previewRule(control: ControlLine, params: unknown): Promise<Preview> {
  const read = PARAMS.safeParse(params);
  if (!read.success || parseRule(read.data.rule, 'allow') === undefined) throw notWritten('it is no rule');
  const { plugin, rule } = read.data;
  const { config } = (await control.call('supervisor', {})) as { readonly config: string | null };
  if (config === null) throw notWritten('there is no file');
  try {
    const text = readConfigText(config, 'start postern again');
    const added = addRule(text, plugin, rule);
    if (!added.ok) throw notWritten(added.problem, added.fix);
    const [before, after] = [text, added.text].map((one) =>
      readConfig(config, one, dirname(resolve(config))),
    );
    if (before === undefined || after === undefined) return { opens: [], closes: [] };
    const found = differences(before, after);
    const lines = (which: 'opens' | 'closes'): readonly string[] =>
      found.flatMap((one) => one[which].map(describeOpening)).slice(0, MOST_LINES);
    return { opens: lines('opens'), closes: lines('closes') };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw notWritten('the file has mistakes, which "postern check" shows');
  }
}

function notWritten(why: string, fix?: string): PosternError {
  return new PosternError('rule_not_written', `Cannot write the rule: ${why}`, { fix });
}
