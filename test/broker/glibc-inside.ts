// Runs in its own network namespace: a sandbox's DNS at port 53 of its loopback, and glibc's getaddrinfo(3), which asks it. The first
// argument is the resolv.conf. Prints the results as JSON.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startDnsServer } from './start-dns-server.js';

const SCRIPT = `
import json, socket, sys, time
found, longest = {}, 0
for name in sys.argv[1:]:
    start = time.monotonic()
    try:
        found[name] = [entry[4][0] for entry in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)]
    except socket.gaierror as error:
        found[name] = [name for name in dir(socket) if name.startswith('EAI_') and getattr(socket, name) == error.errno]
    longest = max(longest, time.monotonic() - start)
print(json.dumps([found, longest]))
`;

const [conf = '', ...names] = process.argv.slice(2);
const dns = await startDnsServer({
  allow: ['*.test'],
  port: 53,
  zone: {
    'both.a.test A': ['192.31.196.1', '192.31.196.2'],
    'both.a.test AAAA': ['2001:4:112::1'],
    'four.a.test A': ['192.31.196.4'],
    'four.a.test AAAA': [],
    'many.a.test A': Array.from({ length: 32 }, (_, index) => `192.31.196.${index}`),
    'many.a.test AAAA': [],
    'broken.a.test A': 'SERVFAIL',
    'broken.a.test AAAA': 'SERVFAIL',
  },
});
// The server itself still reads the host's file: how it asks is not under test here.
const { stdout } = await promisify(execFile)('unshare', [
  '--mount',
  'sh',
  '-c',
  'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec /usr/bin/python3 -c "$@"',
  'sh',
  conf,
  SCRIPT,
  ...names,
]);
const [found, longest] = JSON.parse(stdout) as [unknown, number];
dns.close();
console.log(JSON.stringify({ found, questions: dns.server.questions, longest }));
