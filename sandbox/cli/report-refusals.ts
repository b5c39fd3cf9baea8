// Prints the refusals of the plugins of `up`, each with the rule that would allow it.
import type { Config } from '../../shared/config/load-config.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { asYamlItems } from './pasted-rule.js';
import { limitLines, ownProgram, refusalLine } from './refusal-line.js';
import { say } from './say.js';

/**
 * Each plugin has its own limit of lines.
 *
 * @param config returns the configuration in force
 * @param path of its file
 */
export function reportRefusals(config: () => Config, path: string): (event: AuditEvent) => void {
  const reports = new Map<string, (line: string) => void>();
  return (event) => {
    const name = event.plugin;
    const plugin = config().plugins.find((one) => one.config.name === name);
    if (plugin === undefined) return;
    const fix = (rule: string): string => `add ${asYamlItems([rule])} to plugins.${name}.allow in ${path}`;
    const line = refusalLine(event, fix, ownProgram(plugin.config));
    if (line === undefined) return;
    const report = reports.get(name) ?? limitLines((text) => say(`${name}: ${text}`));
    reports.set(name, report);
    report(line);
  };
}
