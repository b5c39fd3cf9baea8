import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallerProcesses, HeldSocket } from '../../../broker/caller/caller-processes.js';
import type { TrappedCall } from '../../../broker/caller/trapped-call.js';
import { DescriptorPool } from '../../../broker/limit/descriptor-shares.js';
import type { Plugin, Services } from '../../../broker/request/plugin.js';
import { Resets } from '../../../broker/trap/dissolved-connections.js';
import { startConnect, tcpSocket } from '../../../shared/sys/socket.js';
import { socketCookie, TCP_STATE, tcpState } from '../../../shared/sys/socket-state.js';
import { listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';

// proves: the main thread takes no lock of a process to look for a reset
test('the slow lane looks whether a program has closed a connection that is to be reset', async () => {
  const peer = await listen((client) => client.resume());
  const socket = tcpSocket(4);
  assert.ok(typeof socket !== 'number');
  startConnect(socket.number, { bytes: new Uint8Array([127, 0, 0, 1]), port: peer.port });
  await until(() => tcpState(socket.number) === TCP_STATE.ESTABLISHED || undefined);
  const cookie = socketCookie(socket.number);
  let isHeld = true;
  let looks = 0;
  const counted: bigint[] = [];
  const connections = {
    has: (one: bigint) => one === cookie,
    socketEnded: (one: bigint) => counted.push(one),
  };
  const descriptors = new DescriptorPool(1024).share();
  const plugin = { limits: { sentMib: 1 }, connections, descriptors, stall: {} } as unknown as Plugin;
  const services = {
    plugins: new Map([['one', plugin]]),
    guard: { watch: (_: unknown, step: () => void) => step() },
    slowLane: {
      stillHeld: async (_: unknown, sockets: readonly HeldSocket[]) => {
        looks += 1;
        assert.deepEqual(sockets, [{ cookie, descriptor: 5, threads: [process.pid, process.pid] }]);
        return [isHeld];
      },
    },
  } as unknown as Services;
  const processes = { stillHas: () => assert.fail('The main thread looks') } as unknown as CallerProcesses;
  const resets = new Resets(services, plugin, processes);
  const awake = setInterval(() => {}, 1000);
  assert.equal(resets.set({ tid: process.pid, descriptor: 5 } as unknown as TrappedCall, socket, true), true);
  await until(() => looks > 1 || undefined);
  assert.deepEqual([counted, tcpState(socket.number)], [[], TCP_STATE.ESTABLISHED]);
  isHeld = false;
  await until(() => counted.length > 0 || undefined);
  assert.deepEqual([counted, tcpState(socket.number)], [[cookie], TCP_STATE.CLOSE]);
  assert.equal(descriptors.held, 0);
  resets.close();
  // A connect whose trap has ended meanwhile.
  resets.keep({ tid: process.pid, descriptor: 5 } as unknown as TrappedCall, socket);
  assert.equal(descriptors.held, 0);
  clearInterval(awake);
  socket.close();
  await peer.close();
});
