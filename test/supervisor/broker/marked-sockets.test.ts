// What the supervisor does with the sockets that a broker sends to be marked, also one that was taken over.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import type { BrokerPackets } from '../../../sandbox/supervisor/broker/broker-packets.js';
import { KeptForBrokers } from '../../../sandbox/supervisor/broker/kept-for-brokers.js';
import type { SupervisorLine } from '../../../shared/protocol/link.js';
import { sendMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { packetSocketPair, readIntOption, SOL_SOCKET, tcpSocket } from '../../../shared/sys/socket.js';
import { until } from '../../harness/until.js';

const skip = process.geteuid?.() === 0 ? false : 'only root can mark sockets';
const SO_MARK = 36;

function socket(): OwnedFd {
  const made = tcpSocket(4);
  if (typeof made === 'number') throw new Error(`socket(2): ${made}`);
  return made;
}

/** The number of this process's sockets. A descriptor that is closed meanwhile counts for nothing. */
function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((number) => {
    try {
      return readlinkSync(`/proc/self/fd/${number}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

// proves: a broker gets no mark that is in no rules
test('a socket gets a mark of the rules; with another mark, without a plugin or beside another socket it gets none', {
  skip,
}, async () => {
  const kept = new KeptForBrokers({
    mayMark: (plugin, mark) => plugin === 'one' && mark === 42,
    mayReach: () => false,
  });
  const answers: SupervisorLine[] = [];
  const lines = { send: (line: SupervisorLine) => void answers.push(line) } as unknown as BrokerLines;
  kept.giveTo({ lines, packets: { ends: () => {} } as unknown as BrokerPackets });
  const [ours, theirs] = packetSocketPair();
  using broker = ours;
  using supervisor = theirs;
  const stop = kept.receiveOrders(supervisor);
  using one = socket();
  using other = socket();
  const send = (packet: unknown, sockets: readonly OwnedFd[]): void => {
    const bytes = Buffer.from(JSON.stringify(packet));
    assert.equal(
      sendMessage(
        broker.number,
        bytes,
        sockets.map(({ number }) => number),
      ) >= 0,
      true,
    );
  };
  const markOf = (fd: OwnedFd): number => readIntOption(fd.number, SOL_SOCKET, SO_MARK);
  const before = openSockets();
  send({ type: 'mark_socket', plugin: 'one', id: 1, mark: 42 }, [one]);
  await until(() => answers.length === 1 || undefined);
  assert.equal(markOf(one), 42);
  send({ type: 'mark_socket', plugin: 'one', id: 2, mark: 7 }, [other]);
  send({ type: 'mark_socket', plugin: 'nobody', id: 3, mark: 42 }, [other]);
  send({ type: 'mark_socket', plugin: 'one', id: 4, mark: 42 }, [other, other]);
  send({ type: 'mark_socket', plugin: 'one', id: 5, mark: 42 }, []);
  send({ type: 'mark_socket', plugin: 'one', id: 6, mark: 42 }, [one]);
  await until(() => answers.length === 4 || undefined);
  const result = (id: number, value: number, plugin: string): SupervisorLine => ({
    type: 'plugin_order_done',
    plugin,
    id,
    result: value,
  });
  assert.deepEqual(answers, [
    result(1, 0, 'one'),
    result(2, -1, 'one'),
    result(3, -1, 'nobody'),
    result(6, 0, 'one'),
  ]);
  assert.equal(markOf(other), 0);
  // Another thread closes what was discarded.
  await until(() => openSockets() === before || undefined);
  stop();
  kept.close();
});
