// Gives a broker the rules of one plugin. Runs in the supervisor.
import { PosternError } from '../../../shared/errors.js';
import { BROKER_START_TIMEOUT_MS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import type { SupervisorLine } from '../../../shared/protocol/link.js';
import type { BrokerLines } from './broker-lines.js';
import type { Heartbeat } from './heartbeat.js';

export type PluginLine = Extract<SupervisorLine, { type: 'plugin' }>;

/**
 * @param heartbeat excuses the broker meanwhile; undefined before the broker serves
 * @throws PosternError `bad_rules` where the broker refuses them, `broker_failed` where it does not answer
 */
export async function configurePlugin(
  lines: BrokerLines,
  line: PluginLine,
  heartbeat: Heartbeat | undefined,
): Promise<void> {
  lines.send(line);
  const answer = lines.expect((answer) => {
    if (answer.type === 'plugin_ready' && answer.plugin === line.plugin) return [];
    if (answer.type === 'plugin_refused' && answer.plugin === line.plugin) return answer.problems;
    return undefined;
  }, BROKER_START_TIMEOUT_MS);
  // Many rules take long.
  const problems = await (heartbeat?.excuse(answer) ?? answer);
  if (problems.length > 0) throw new PosternError('bad_rules', problems.map(printable).join('; '));
}
