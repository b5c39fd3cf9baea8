// Finds where `run --ask` asks: at the terminal that the plugin uses too, through the relay, else at the user's own. Without one, an operator answers
// over the control socket.
import { PosternError } from '../../shared/errors.js';
import type { Asks } from '../supervisor/ask/asks.js';
import { OwnTerminal } from '../supervisor/terminal/own-terminal.js';
import type { TerminalRelay } from '../supervisor/terminal/terminal-relay.js';
import { tellQuestions } from './tell-questions.js';
import { TerminalQuestions } from './terminal-questions.js';

/**
 * @param relay of the terminal that the plugin uses
 * @param control the path of the control socket; undefined without one
 * @throws PosternError `no_way_to_ask` if there is neither a terminal nor a control socket
 */
export function askAtTerminal(
  asks: Asks,
  relay: TerminalRelay | undefined,
  control: string | undefined,
): { readonly close: () => void } {
  if (relay?.hold.possible === true) {
    const { hold } = relay;
    const say = (text: string): boolean => relay.say(text);
    new TerminalQuestions(asks, { echoes: hold.echoes, say, begin: (take) => hold.begin(take) });
    return { close: () => {} };
  }
  const own = relay === undefined ? OwnTerminal.open() : undefined;
  if (own === undefined && control !== undefined) {
    tellQuestions(asks, control);
    return { close: () => {} };
  }
  if (own === undefined)
    throw new PosternError('no_way_to_ask', 'Cannot ask: there is no terminal of this session', {
      fix: 'start it at a terminal, answer by "postern approve" with --control PATH, or leave out --ask',
    });
  new TerminalQuestions(asks, own);
  return { close: () => own.close() };
}
