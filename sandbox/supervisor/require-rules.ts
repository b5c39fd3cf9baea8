// Checks the rules before anything is started. The broker, which decides, compiles them again.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';

/** @throws PosternError `bad_rules` */
export function requireRules({ name, allow, deny, mode }: PluginConfig): void {
  const result = compilePolicy({ allow, deny, mode });
  if (result.ok) return;
  const lines = result.problems.map(
    ({ list, message, suggestion }) =>
      `${list}: ${message}${suggestion === undefined ? '' : ` (try ${suggestion})`}`,
  );
  throw new PosternError('bad_rules', `Bad rules for "${name}": ${lines.join('; ')}`);
}
