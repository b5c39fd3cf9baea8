// What the supervisor does where a broker asks for the file of a host's socket, also one that was taken over.
import assert from 'node:assert/strict';
import { fstatSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import type { BrokerPackets } from '../../../sandbox/supervisor/broker/broker-packets.js';
import { BrokerPlugins } from '../../../sandbox/supervisor/broker/configure-plugin.js';
import { KeptForBrokers } from '../../../sandbox/supervisor/broker/kept-for-brokers.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import type { SupervisorLine } from '../../../shared/protocol/link.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { packetSocketPair } from '../../../shared/sys/socket.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

const { EACCES, ENOENT } = constants.errno;
const openFiles = (): number => readdirSync('/proc/self/fd').length;

// proves: a broker gets no socket of the host that no rule names
test('a broker gets the file of a socket that a rule of that plugin names, and no other file', async (t) => {
  const folder = readableFolder();
  const at = (name: string): string => join(folder, name);
  for (const name of ['open', 'closed', 'denied']) {
    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(at(name), resolve));
  }
  const plugins = new BrokerPlugins();
  plugins.put('one', {
    type: 'plugin',
    plugin: 'one',
    allow: ['open', 'denied', 'gone'].map((name) => `unix:${at(name)}`),
    deny: [`unix:${at('denied')}`],
    mode: 'audit',
    limits: limitsOf({}),
  });
  const kept = new KeptForBrokers(plugins);
  const answers: unknown[] = [];
  const lines = { send: (line: SupervisorLine) => void answers.push(line) } as unknown as BrokerLines;
  const socketFile = (plugin: string, id: number, file: OwnedFd): void => {
    answers.push({ plugin, id, isSocket: fstatSync(file.number).isSocket() });
    file.close();
  };
  kept.giveTo({ lines, packets: { ends: () => {}, socketFile } as unknown as BrokerPackets });
  const [ours, theirs] = packetSocketPair();
  using broker = ours;
  using supervisor = theirs;
  const stop = kept.receiveOrders(supervisor);
  const ask = async (plugin: string, id: number, path: string): Promise<unknown> => {
    const before = answers.length;
    sendMessage(broker.number, Buffer.from(JSON.stringify({ type: 'host_socket', plugin, id, path })));
    await until(() => answers.length > before || undefined);
    return answers.at(-1);
  };
  const refused = (plugin: string, id: number, result: number): unknown => ({
    type: 'plugin_order_done',
    plugin,
    id,
    result,
  });
  assert.deepEqual(await ask('one', 1, at('open')), { plugin: 'one', id: 1, isSocket: true });
  const before = openFiles();
  assert.deepEqual(await ask('one', 2, at('closed')), refused('one', 2, -EACCES));
  assert.deepEqual(await ask('one', 3, at('denied')), refused('one', 3, -EACCES));
  assert.deepEqual(await ask('one', 4, '/etc/passwd'), refused('one', 4, -EACCES));
  assert.deepEqual(await ask('two', 5, at('open')), refused('two', 5, -EACCES));
  assert.deepEqual(await ask('one', 6, at('gone')), refused('one', 6, -ENOENT));
  assert.equal(openFiles(), before);
  stop();
  kept.close();
});
