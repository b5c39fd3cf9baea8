// pid-reuse-inside PROGRAM OWN OTHER [stay]: serves the trapped call of PROGRAM. By the time that the broker reads descriptor and address,
// the caller's pid belongs to another process. Runs in its own pid namespace, where a process may choose a pid. Prints the result as JSON.
import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { TrapSession } from '../../broker/trap/trap-session.js';
import { NOTIFIED_CALLS } from '../../shared/limits.js';
import { boundDatagramSocket, listeningSocket } from '../../shared/sys/datagram.js';
import { createMemoryFile } from '../../shared/sys/memory-file.js';
import { receiveMessage, sendMessage } from '../../shared/sys/message.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { openUnixDiag } from '../../shared/sys/sandbox-listeners.js';
import { NOTIFICATION_BYTES } from '../../shared/sys/seccomp-notify.js';
import { packetSocketPair } from '../../shared/sys/socket.js';
import { startDnsServer } from './start-dns-server.js';

const [program = '', own = '', other = '', stay] = process.argv.slice(2);
const LOOPBACK = { bytes: new Uint8Array([127, 0, 0, 1]), port: 0 };
const SETTLE_MS = 300;
const descriptors = (): number => readdirSync('/proc/self/fd').length;

const dns = await startDnsServer({ allow: [`127.0.0.1:${own},${other}`] });
const [ours, theirs] = packetSocketPair();
const stdio: SpawnOptions['stdio'] = ['ignore', 'pipe', 'inherit', theirs.number];
const child = spawn(program, [own, other], { stdio });
const ended = once(child, 'close');
let said = '';
child.stdout?.setEncoding('utf8').on('data', (text: string) => {
  said += text;
});
theirs.close();
const before = descriptors();
const [notifyFd] = await receive();
if (notifyFd === undefined) throw new Error('No notifyFd');

let swapped = false;
/** The first guarded work of a call takes its descriptor and its address. */
const watch = <T>(_: unknown, work: () => T): T => {
  if (stay === undefined && !swapped) {
    swapped = true;
    sendMessage(ours.number, new Uint8Array(1));
    receiveMessage(ours.number, 1, true);
  }
  return work();
};
const session = new TrapSession({
  services: { ...dns.services, guard: { watch } },
  plugin: dns.plugin,
  number: 1,
  landlockDeniesTcp: true,
  scratch: [],
  resumed: false,
  given: [],
  ends: {
    notifyFd,
    calls: createMemoryFile('calls', NOTIFIED_CALLS * NOTIFICATION_BYTES),
    dnsDatagrams: boundDatagramSocket(LOOPBACK),
    dnsListener: listeningSocket(LOOPBACK, 1),
    unixDiag: openUnixDiag(),
    root: openFolder('/'),
    noticeSocket: undefined,
  },
  onEnd: () => {},
});
const answers = ['brokered', 'own', 'refused', 'error'] as const;
const count = (answer: string): Promise<number> =>
  dns.count(`traps_total{plugin="${dns.plugin.name}",call="connect",answer="${answer}"}`);
let counts: number[] = [];
do {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  counts = await Promise.all(answers.map(count));
} while (counts.every((one) => one === 0));
session.end();
// What other threads hold for a moment longer.
for (let left = 250; descriptors() > before && left > 0; left -= 1)
  await new Promise((resolve) => setTimeout(resolve, 20));
const kept = descriptors() - before;
ours.close();
await ended;
dns.close();
const told = Object.fromEntries(answers.map((answer, index) => [answer, counts[index]]));
process.stdout.write(`${JSON.stringify({ swapped, told, kept, said })}\n`, () => process.exit(0));

async function receive(): Promise<Exclude<ReturnType<typeof receiveMessage>, number>['descriptors']> {
  for (;;) {
    const message = receiveMessage(ours.number);
    if (typeof message !== 'number') return message.descriptors;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
