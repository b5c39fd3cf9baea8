// What keeps the accounts of connections right.
import type { Protection } from './protection.js';

const REVOKE = { tests: ['integration/revoke'] };
const ACCOUNTS = { tests: ['integration/accounts'] };

export const accountsProtections: readonly Protection[] = [
  {
    ...ACCOUNTS,
    name: "accounts: a socket waits for its peer's end, so that a count is exact",
    file: 'shared/sys/tcp-account',
    right: 'writeOption(fd, IPPROTO_TCP, TCP_LINGER2, lingerBytes);',
    wrong: 'void [fd, IPPROTO_TCP, TCP_LINGER2, lingerBytes, writeOption];',
    pattern: 'what its peer counted.*user',
  },
  {
    ...ACCOUNTS,
    name: 'accounts: a connection is noted before the plugin has it',
    file: 'broker/accounts/connection-register',
    right: 'this.#ends.own(cookie, this);',
    wrong: '',
    pattern: 'what its peer counted.*user',
  },
  {
    ...ACCOUNTS,
    name: 'accounts: the next broker finds the connections of the one before',
    file: 'broker/accounts/connection-slots',
    right: 'while (this.#blocks < used)',
    wrong: 'while (this.#blocks < used && false)',
    pattern: 'takes no account along.*user',
  },
  {
    ...ACCOUNTS,
    name: 'accounts: reports of ends wait for the next broker',
    file: 'sandbox/supervisor/broker/kept-for-brokers',
    right: 'packets.ends(this.#connections.reports);',
    wrong:
      'void import("../../../shared/sys/ended-sockets.js").then((sys) => packets.ends(sys.openEndedSockets()));',
    pattern: 'takes no account along.*user',
  },
  {
    name: 'list: the bytes of connections are read under the stall guard',
    file: 'broker/request/connection-lists',
    right: 'this.#services.guard.watch(stall, () => connections?.look(part, true) ?? [])',
    wrong: 'stall && (connections?.look(part, true) ?? [])',
    tests: ['broker/request/connection-lists'],
    pattern: 'under the guard',
  },
  {
    name: 'list: a plugin hides no connection of another one',
    file: 'broker/request/connection-lists',
    right: 'Math.ceil(left / (fewestFirst.length - at))',
    wrong: 'left',
    tests: ['broker/request/connection-lists'],
    pattern: 'leaves room',
  },
  {
    name: 'list: a broker lists no more connections than it was asked for',
    file: 'sandbox/supervisor/broker/ask-broker',
    right: 'if (all.length > question.most)',
    wrong: 'if (false)',
    tests: ['supervisor/broker/listed-connections'],
    pattern: 'more connections than',
  },
  {
    name: 'list: a broker lists no connection of another plugin',
    file: 'sandbox/supervisor/broker/ask-broker',
    right: 'if (!line.connections.every(isWanted))',
    wrong: 'if (false)',
    tests: ['supervisor/broker/listed-connections'],
    pattern: 'of another plugin',
  },
  {
    ...REVOKE,
    name: 'revoke: new rules decide again on open connections',
    file: 'broker/configure-plugin',
    right: 'plugin.revokeConnections();',
    wrong: '',
    pattern: 'by the channel holds.*user',
  },
  {
    ...REVOKE,
    name: 'revoke: every process of the sandbox is looked at',
    file: 'shared/sys/held-sockets',
    right: '=== pidNamespace',
    wrong:
      "=== pidNamespace && readFileSync('/proc/' + pid + '/status', 'latin1').includes('NSpid:\\t' + pid + '\\t2\\n')",
    pattern: 'a child, under another number.*user',
  },
  {
    ...REVOKE,
    name: 'revoke: what no process holds ends with its plugin',
    file: 'broker/revoke/end-connections',
    right: 'plugin.stall.end();',
    wrong: '',
    pattern: 'waits in a message.*user',
  },
  {
    ...REVOKE,
    name: 'revoke: a further broker decides again',
    file: 'broker/accounts/accounts',
    right: 'setImmediate(() => plugin.revokeConnections());',
    wrong: '',
    pattern: 'while no broker runs.*user',
  },
];
