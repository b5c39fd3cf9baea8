// Reads the rules of files: those that `presets` and --rules name, and all of a plugin, from defaults, presets and its own lists.

import { isAbsolute, join } from 'node:path';
import type * as z from 'zod';
import type { Boundary } from '../policy/policy.js';
import type { RuleFile } from './config-file.js';
import { ConfigError, type ConfigProblem } from './config-problem.js';
import { policyFileSchema, ruleFileSchema } from './config-schema.js';
import { readConfigText } from './config-text.js';
import { explainIssues } from './explain-issue.js';
import { readBoundaryHosts } from './gateway-config.js';
import { joinRules, type PlacedRules, type ReadRules, readRules } from './placed-rules.js';
import { shippedPreset } from './shipped-presets.js';
import { type KeyPath, YamlSource } from './yaml-source.js';

// Reads a file of rules, for `presets` and --rules: a map with `allow`, `deny` or both.

/** The boundary of `check --within`: a file of rules, or a policy. @throws ConfigError with every problem of the file */
export function loadBoundary(path: string): Boundary {
  return readBoundary(path, readConfigText(path, MISSING));
}

/** @param path for messages @throws ConfigError with every problem of the text */
export function readBoundary(path: string, text: string): Boundary {
  const { source, problems, allow, deny } = readRuleText(path, text, policyFileSchema);
  const { hosts, problems: ofHosts } = readBoundaryHosts(source);
  if (problems.length + ofHosts.length > 0) throw new ConfigError([...problems, ...ofHosts]);
  return { allow: allow.map(({ text }) => text), deny: deny.map(({ text }) => text), gateway: hosts };
}

/** @throws ConfigError with every problem of the file */
export function loadRuleFile(path: string): PlacedRules {
  const { source: _, problems, ...rules } = readRuleText(path, readConfigText(path, MISSING), ruleFileSchema);
  if (problems.length > 0) throw new ConfigError(problems);
  return rules;
}

const MISSING = 'name a file that holds allow: and deny: lists, or one of postern presets';

function readRuleText(
  path: string,
  text: string,
  schema: z.ZodType<RuleFile>,
): ReadRules & { readonly source: YamlSource } {
  const source = new YamlSource(path, text);
  const parsed = schema.safeParse(source.value);
  const shape = parsed.success ? [] : explainIssues(parsed.error.issues, schema, source);
  const { allow, deny, problems } = readRules(source, []);
  return { source, allow, deny, problems: [...shape, ...problems] };
}

// Gathers the rules of a plugin: from defaults, presets and its own lists, in this order.

const NONE: PlacedRules = { allow: [], deny: [] };
/** Of all plugins together. Each plugin has its own copy of the rules of a preset. */
const MAX_RULES = 500_000;

/**
 * @param folder of the file: paths of presets are relative to it
 * @returns the rules of a plugin by its name, the paths of all presets, and all problems
 */
export function gatherRules(
  source: YamlSource,
  folder: string,
): {
  readonly rules: (plugin: string) => PlacedRules;
  readonly presets: readonly string[];
  readonly problems: readonly ConfigProblem[];
} {
  const files = new Map<string, PlacedRules>();
  const problems: ConfigProblem[] = [];
  const readPreset = (key: KeyPath, path: string): PlacedRules => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const { problems: found, ...rules } = tryLoad(path);
    files.set(path, rules);
    // A problem of the whole file is reported where the file is named.
    problems.push(
      ...found.map((problem) =>
        problem.line === undefined
          ? source.problem(key, `"${path}" ${problem.message}`, problem.suggestion)
          : problem,
      ),
    );
    return rules;
  };
  const rulesOf = (parent: KeyPath): readonly PlacedRules[] => {
    const own = readRules(source, parent);
    problems.push(...own.problems);
    const presets = source
      .textsAt([...parent, 'presets'])
      .map(
        ({ key, text }) =>
          shippedPreset(text) ?? readPreset(key, isAbsolute(text) ? text : join(folder, text)),
      );
    return [...presets, own];
  };
  const common = rulesOf(['defaults']);
  const plugins = source.valueAt(['plugins']);
  const names =
    typeof plugins === 'object' && plugins !== null && !Array.isArray(plugins) ? Object.keys(plugins) : [];
  let count = 0;
  const byName = new Map<string, PlacedRules>();
  for (const name of names) {
    // A preset that is named twice says nothing new.
    const parts = [...new Set([...common, ...rulesOf(['plugins', name])])];
    count += parts.reduce((sum, { allow, deny }) => sum + allow.length + deny.length, 0);
    // protects: G8 more rules than can be checked in time are refused
    if (count > MAX_RULES) {
      const message = `this plugin and those above have more than ${MAX_RULES} rules together`;
      problems.push(source.problem(['plugins', name], message, 'name fewer or smaller presets'));
      break;
    }
    byName.set(name, joinRules(parts));
  }
  return { rules: (plugin) => byName.get(plugin) ?? NONE, presets: [...files.keys()], problems };
}

function tryLoad(path: string): ReadRules {
  try {
    return { ...loadRuleFile(path), problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ...NONE, problems: error.problems };
  }
}
