// Tells on stderr what waits for an answer, where no terminal can ask: an operator answers over the control socket.
import { quoteDestination } from '../../shared/policy/decision.js';
import { shellWord } from '../host/shell-word.js';
import type { Asks } from '../supervisor/ask/asks.js';
import { limitLines } from './refusal-line.js';
import { say } from './say.js';

/** @param control the path of the control socket */
export function tellQuestions(asks: Asks, control: string): void {
  const tell = limitLines(say);
  asks.on('opened', ({ id, plugin, host, port }) =>
    tell(
      `"${plugin}" asks for ${quoteDestination(host, port)}, and waits: postern approve ${id} --control ${shellWord(control)}, or deny`,
    ),
  );
}
