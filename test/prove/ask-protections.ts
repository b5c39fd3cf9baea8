// The bounds of what an approval opens, and of what a plugin asks.
import type { Protection } from './protection.js';

export const askProtections: readonly Protection[] = [
  {
    name: 'ask: an approval opens no special address',
    file: 'shared/policy/may-be-asked',
    right: ".class === 'public'",
    wrong: ".class !== 'listener'",
    tests: ['broker/asks'],
    pattern: 'opens no special address',
  },
  {
    name: 'ask: an approval opens no localhost',
    file: 'shared/policy/may-be-asked',
    right: '!isLocalhost(host.name)',
    wrong: 'true',
    tests: ['broker/asks'],
    pattern: 'opens no special address',
  },
  {
    name: 'ask: what a rule denies stays denied',
    file: 'shared/policy/may-be-asked',
    right: "(reason !== 'no_rule' && reason !== 'port_not_allowed')",
    wrong: 'false',
    tests: ['integration/ask'],
    pattern: 'what a rule denies.*user',
  },
  {
    name: 'ask: open questions are bounded',
    file: 'broker/ask/plugin-asks',
    right: 'this.#open.size >= OPEN_ASKS || ',
    wrong: '',
    tests: ['broker/asks'],
    pattern: 'past a bound',
  },
  {
    name: 'ask: no plugin writes the hook',
    file: 'shared/config/load-config',
    right: ', ...(hook?.files ?? [])',
    wrong: '',
    tests: ['integration/ask-hook'],
    pattern: 'that a plugin may write',
  },
  {
    name: 'ask: what is typed at a question does not reach the program',
    file: 'sandbox/supervisor/terminal/question-hold',
    right: 'return bytes.filter(isSignal);',
    wrong: 'return bytes;',
    tests: ['escape/ask-terminal'],
    pattern: 'neither fakes.*user',
  },
  {
    name: 'ask: what a program writes waits while a question is shown',
    file: 'sandbox/supervisor/terminal/terminal-relay',
    right: 'this.#drained || this.hold.active',
    wrong: 'this.#drained',
    besides: [
      {
        file: 'sandbox/supervisor/terminal/terminal-relay',
        right: 'this.#shown.length > 0 || this.hold.active;',
        wrong: 'this.#shown.length > 0;',
      },
    ],
    tests: ['escape/ask-terminal'],
    pattern: 'neither fakes.*user',
  },
  {
    name: 'ask: an approval at the terminal repeats the code of the question',
    file: 'sandbox/cli/answer-line',
    right: 'words.length !== 2 || words[1] !== code',
    wrong: 'words.length !== 2',
    tests: ['escape/ask-terminal'],
    pattern: 'neither fakes.*user',
  },
  {
    name: 'ask: an approval for once is spent',
    file: 'broker/ask/approvals',
    right: 'kept.uses -= 1;',
    wrong: ';',
    tests: ['integration/ask'],
    pattern: 'waits, and goes on once.*user',
  },
];
