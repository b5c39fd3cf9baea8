// The lines of a broker that has been taken over. The supervisor reads a line of a known form or nothing, and the terminal never gets a
// control character or an extra line.
import assert from 'node:assert/strict';
import { AUDIT_EXAMPLES } from '../../../deploy/reference/audit-examples.js';
import { describeExplanation } from '../../../sandbox/cli/explain.js';
import { asAllowOptions, refusalLine } from '../../../sandbox/cli/refusal-line.js';
import { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import type { BrokerLine } from '../../../shared/protocol/link.js';
import { FedSocket } from '../fed-socket.js';
import type { FuzzTarget } from '../fuzz-target.js';

const types = [
  'ready',
  'failed',
  'plugin_ready',
  'plugin_refused',
  'audit',
  'metrics',
  'explained',
  'given_names',
  'retired',
  'connections',
  'usage',
  'session_ended',
];
const ACTS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

export const target: FuzzTarget = {
  name: 'broker-lines',
  maxBytes: 4096,
  slowMs: 200,
  tokens: [
    ...types.map((type) => `{"type":"${type}"}\n`),
    ...Object.values(AUDIT_EXAMPLES).map((event) => `{"type":"audit","line":${JSON.stringify(event)}}\n`),
    ...[
      `{"type":"audit","line":${JSON.stringify(AUDIT_EXAMPLES.decision).slice(0, -2)}`,
      '"}}\n',
      '"event":"question",',
      '\n',
      '"',
    ],
    ...[
      '"event":"slow","milliseconds":',
      '"event":"protocol_error","kind":',
      '"host":',
      '"port":',
      '"reason":',
      '"suggestion":',
    ],
    ...[
      '\\u001b[2J',
      '\\n',
      '\\u202e',
      '\\u2028',
      '\\ud800',
      '\u009b',
      'null',
      '[]',
      '{}',
      '1e999',
      '"__proto__":{',
      ':',
      ',',
    ],
    Buffer.from([0xe2, 0x80]),
  ],
  run: async (bytes) => {
    const socket = new FedSocket();
    const lines: BrokerLine[] = [];
    new BrokerLines(socket, socket, () => {}).on('line', (line) => lines.push(line));
    await socket.feed(bytes, 1 + (bytes.length % 61));
    const kinds = new Set(lines.map((line) => take(line)));
    assert.ok(
      lines.length <= Buffer.from(bytes).toString('utf8').split('\n').length - 1,
      'a line for each line',
    );
    return [...kinds].sort().slice(0, 3).join(' ');
  },
};

/** Prints a line as the supervisor would, and checks the text. @returns the kind of outcome */
function take(line: BrokerLine): string {
  switch (line.type) {
    case 'audit': {
      const shown = refusalLine(line.line, asAllowOptions);
      if (shown !== undefined) assert.doesNotMatch(shown, ACTS);
      return `audit ${line.line.event} ${shown !== undefined}`;
    }
    case 'explained': {
      const shown = describeExplanation({ ...line.explanation, plugin: null, place: null });
      assert.doesNotMatch(shown.replaceAll('\n', ''), ACTS);
      assert.ok(shown.split('\n').length <= 7 + line.explanation.addresses.length);
      return `explained ${shown.split('\n').length}`;
    }
    case 'failed':
      assert.equal(typeof line.message, 'string');
      assert.ok(line.fix === undefined || typeof line.fix === 'string');
      return `failed ${line.fix !== undefined}`;
    case 'plugin_refused':
      assert.equal(typeof line.plugin, 'string');
      assert.equal(typeof line.problems.join('; '), 'string');
      return 'plugin_refused';
    case 'plugin_ready':
      assert.equal(typeof line.plugin + typeof line.policyHash, 'stringstring');
      return line.type;
    case 'metrics':
      assert.equal(typeof line.id + typeof line.text + typeof line.last, 'numberstringboolean');
      return line.type;
    case 'connections':
      assert.ok(
        line.connections.every(({ plugin, dialed }) => typeof plugin + typeof dialed === 'stringstring'),
      );
      return line.type;
    case 'usage':
      assert.ok(
        line.plugins.every(({ plugin, sent_bytes }) => typeof plugin + typeof sent_bytes === 'stringnumber'),
      );
      return line.type;
    case 'connection_ended':
      assert.equal(typeof line.id + typeof line.found, 'numberboolean');
      return line.type;
    case 'pong':
      assert.equal(typeof line.id, 'number');
      return line.type;
    case 'left_ended':
      assert.equal(typeof line.left, 'number');
      return line.type;
    case 'session_ended':
    case 'trap_ended':
      assert.equal(typeof line.session, 'number');
      return line.type;
    case 'channel_wanted':
      assert.equal(typeof line.plugin + typeof line.session + typeof line.id, 'stringnumbernumber');
      return line.type;
    case 'asked':
    case 'ask_ended':
      assert.equal(typeof line.id + typeof line.plugin, 'numberstring');
      return line.type;
    case 'ask_taken':
      assert.equal(typeof line.plugin + typeof line.host + typeof line.port, 'stringstringnumber');
      return line.type;
    case 'given_names':
      assert.equal(typeof line.session, 'number');
      assert.ok(
        line.names.every(
          ({ address, name, standsFor }) =>
            typeof address + typeof name + typeof standsFor === 'stringstringboolean',
        ),
      );
      return line.type;
    case 'ready':
      assert.equal(typeof line.link + typeof line.version, 'numberstring');
      return line.type;
    case 'retired':
      return line.type;
  }
}
