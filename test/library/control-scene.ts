// An application with a control socket at the path of its argument. It prints one line of JSON once its plugins run, and ends when its input ends.
import { connect } from 'node:net';
import { createSupervisor, print, python } from './application.js';

const [, , path = '', folder = '', hostile = ''] = process.argv;
const TALK = `
import socket, time
while True:
    try:
        socket.create_connection(("192.0.2.7", 99))
    except OSError:
        pass
    time.sleep(0.05)
`;
const ASK = `
import socket, sys
sys.stdin.readline()
try:
    socket.create_connection(("1.0.0.1", 81))
except OSError:
    sys.stdin.read()
`;

const supervisor = await createSupervisor({ control: path });
const talker = await supervisor.start({
  name: 'talker',
  command: python(TALK),
  allow: ['api.example.com'],
  stdio: 'ignore',
});
const quiet = await supervisor.start({ name: 'quiet', command: ['sleep', '1019'], stdio: 'ignore' });
const asks = await supervisor.start({
  name: 'asks',
  command: python(ASK),
  unknown: 'ask',
});
const seeker = await supervisor.start({
  name: 'seeker',
  command: ['/usr/bin/python3', '-c', hostile, path],
  filesystem: { writable: [folder] },
});
let found = '';
for await (const part of seeker.stdout ?? []) {
  found += String(part);
  if (found.includes('done')) break;
}
const codeOf = (work: () => Promise<unknown>): Promise<string> =>
  work().then(
    () => 'nothing',
    ({ code }: { readonly code: string }) => code,
  );
const second = await codeOf(() => createSupervisor({ control: path }));
const unsafe = await codeOf(() => createSupervisor({ control: `${folder}/open/c.sock` }));
const missing = await codeOf(() => createSupervisor({ control: `${folder}/none/c.sock` }));
const leads = await codeOf(() =>
  supervisor.start({ name: 'leads', command: ['true'], allow: [`unix:${path}`] }),
);
/** What the supervisor says to its own process. */
const itself = await new Promise<string>((resolve) => {
  const socket = connect(path, () => socket.write('{"jsonrpc":"2.0","id":1,"method":"status"}\n'));
  socket.setEncoding('utf8').once('data', (text: string) => resolve(text));
});
asks.stdin?.write('go\n');
print({ found, second, unsafe, missing, leads, itself, pids: [talker.pid, quiet.pid] });
const stopped = new Promise((resolve) => quiet.once('exit', ({ cause }) => resolve(cause)));
print({ stopped: await stopped, left: supervisor.plugins.map(({ name }) => name) });
for await (const _ of process.stdin);
await supervisor.close();
