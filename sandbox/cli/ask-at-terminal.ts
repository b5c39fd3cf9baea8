// Finds the terminal at which `run --ask` asks: the one that the plugin uses too, through the relay, else the user's own.
import { PosternError } from '../../shared/errors.js';
import type { Asks } from '../supervisor/ask/asks.js';
import { OwnTerminal } from '../supervisor/terminal/own-terminal.js';
import type { TerminalRelay } from '../supervisor/terminal/terminal-relay.js';
import { TerminalQuestions } from './terminal-questions.js';

/**
 * @param relay of the terminal that the plugin uses
 * @throws PosternError `no_way_to_ask` if there is no terminal
 */
export function askAtTerminal(asks: Asks, relay: TerminalRelay | undefined): { readonly close: () => void } {
  if (relay?.hold.possible === true) {
    const { hold } = relay;
    const say = (text: string): boolean => relay.say(text);
    new TerminalQuestions(asks, { echoes: hold.echoes, say, begin: (take) => hold.begin(take) });
    return { close: () => {} };
  }
  const own = relay === undefined ? OwnTerminal.open() : undefined;
  if (own === undefined)
    throw new PosternError('no_way_to_ask', 'Cannot ask: there is no terminal of this session', {
      fix: 'start it at a terminal, or leave out --ask',
    });
  new TerminalQuestions(asks, own);
  return { close: () => own.close() };
}
