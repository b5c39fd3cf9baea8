// What the supervisor decides for a plugin, and how it is protected itself.
import type { Protection } from './protection.js';

const run = (pattern: string): Pick<Protection, 'tests' | 'pattern'> => ({
  tests: ['integration/run'],
  pattern,
});
const LISTENER = { file: 'sandbox/supervisor/listener', tests: ['integration/restart-listeners'] };

export const supervisorProtections: readonly Protection[] = [
  {
    name: 'supervisor: the environment is an allowlist',
    file: 'sandbox/supervisor/plugin-environment',
    right: "const passes = PASSED.includes(key) || key.startsWith('LC_');",
    wrong: 'const passes = true;',
    ...run('environment is an allowlist.*user'),
  },
  {
    name: 'supervisor: a socket of the host under a visible path refuses the start',
    file: 'sandbox/supervisor/start-plugin',
    right: '    refuseVisibleSockets(',
    wrong: '    ((..._) => {})(',
    ...run('bound socket of the host.*user'),
  },
  {
    name: 'supervisor: an inet socket as a standard stream refuses the start',
    file: 'sandbox/supervisor/standard-streams',
    right: 'kind?.family === AF_UNIX',
    wrong: 'true',
    ...run('stream that is an inet socket.*user'),
  },
  {
    name: 'supervisor: a listening socket as a standard stream refuses the start',
    file: 'sandbox/supervisor/standard-streams',
    right: '!isListening(fd)',
    wrong: 'true',
    ...run('stream that is a listening socket.*user'),
  },
  {
    name: 'supervisor: a regular file as a standard stream is relayed',
    file: 'sandbox/supervisor/standard-streams',
    right: 'if (stats.isFIFO())',
    wrong: 'if (stats.isFIFO() || stats.isFile())',
    ...run('regular files as streams.*user'),
  },
  {
    name: 'supervisor: a home directory shows by no default',
    file: 'sandbox/supervisor/command-paths',
    right: '[...homes, ...homes.map((home) => host.real(home) ?? home), folder, ',
    wrong: '[',
    tests: ['supervisor/plan-root'],
    pattern: 'home directory',
  },
  {
    name: 'supervisor: requests come in packets',
    file: 'sandbox/supervisor/make-channel',
    right: 'makePipe({ packet: true })',
    wrong: 'makePipe()',
    tests: ['escape/packets'],
    pattern: '.user',
  },
  {
    ...LISTENER,
    name: 'listener: one that was shut down is bound anew',
    right: '!isListening(socket.number) || isShutForReading(socket.number)',
    wrong: 'false',
    tests: ['supervisor/listeners'],
    pattern: 'finds what another holder',
  },
  {
    ...LISTENER,
    name: 'listener: one that has a filter is bound anew',
    right: 'if (isFiltered(socket.number))',
    wrong: 'if (false)',
    pattern: 'cannot lock a filter.*user',
  },
  {
    ...LISTENER,
    name: 'listener: what a plugin set is set back',
    right: 'setOption(fd, level, name, value);',
    wrong: ';',
    pattern: 'not there at the next start.*user',
  },
  {
    name: 'supervisor: its memory is closed to its own user',
    file: 'sandbox/supervisor/supervisor',
    right: 'setDumpable(false);',
    wrong: '',
    tests: ['integration/launch'],
    pattern: 'of the same user reads.*user.$',
  },
  {
    name: 'supervisor: what a broker writes is shown without what a terminal acts on',
    file: 'shared/printable',
    right: 'return text.replace(ACTS,',
    wrong: 'return text.replace(/^$^/g,',
    tests: ['supervisor/broker-lines'],
    pattern: 'one line on a terminal',
  },
  {
    name: "supervisor: a plugin's line of output does not act on the terminal",
    file: 'sandbox/cli/plugin-lines',
    right: ".split('\\t').map(printable).join('\\t')",
    wrong: '',
    tests: ['integration/up'],
    pattern: 'on a terminal, up shows',
  },
  {
    name: "supervisor: a broker's line that is of no known form is none",
    file: 'sandbox/supervisor/read-broker-line',
    right: "typeof plugin === 'string' && typeof policyHash === 'string'",
    wrong: 'true',
    tests: ['supervisor/broker-lines'],
    pattern: 'lacks something',
  },
  {
    name: 'supervisor: the audit log has one line an event, in ASCII',
    file: 'sandbox/supervisor/audit-sink',
    right: 'asciiJson(line)',
    wrong: 'JSON.stringify(line)',
    tests: ['integration/origin'],
    pattern: 'hostile name forges',
  },
];
