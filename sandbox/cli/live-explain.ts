// postern explain --live: asks a running postern by the rules that are in force there.
import { PosternError } from '../../shared/errors.js';
import type { Explanation } from '../../shared/protocol/link.js';
import type { LiveQuestion, Status } from '../supervisor/control/control-target.js';
import { openControl } from './control/control-command.js';
import type { ControlOptions } from './control/find-control.js';
import type { PlacedExplanation } from './describe-explanation.js';

/**
 * @param plugin all plugins without it
 * @throws PosternError `control_unreachable`, `control_refused`, `usage`
 */
export async function explainLive(
  plugin: string | undefined,
  question: LiveQuestion,
  options: ControlOptions & { readonly allow: readonly string[]; readonly deny: readonly string[] },
): Promise<readonly PlacedExplanation[]> {
  if (options.allow.length + options.deny.length > 0)
    throw new PosternError('usage', 'Rules cannot be tried in a running postern', {
      fix: 'leave out --allow and --deny, or leave out --live',
    });
  const client = await openControl(options);
  try {
    const { plugins } = (await client.call('status', {})) as Status;
    const answers: PlacedExplanation[] = [];
    for (const name of plugin === undefined ? plugins.map((one) => one.name) : [plugin]) {
      const answer = (await client.call('explain', { plugin: name, ...question })) as Explanation;
      answers.push({ plugin: name, ...answer, place: null });
    }
    return answers;
  } finally {
    client.close();
  }
}
