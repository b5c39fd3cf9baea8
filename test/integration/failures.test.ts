// What the rules permit and did not work, as `run` tells it, in a network of the test's own with its own name server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { ownNetworkWith } from '../harness/own-network.js';
import { postern } from '../harness/postern.js';

const DNS = '127.0.0.1:5353';
/** Nothing listens there. */
const CLOSED = 81;
const OPEN = 8080;
/** A firewall resets the connection as soon as it is established: the kernel sees the reset before connect(2) returns. */
const RESET = 82;

/** A name server and a listener. Both are there when it has printed its pid. */
const SERVER = `
import os, socket
dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); dns.bind(("127.0.0.1", 5353))
web = socket.socket(); web.bind(("127.0.0.1", ${OPEN})); web.listen(99)
behind = socket.socket(); behind.bind(("127.0.0.8", ${RESET})); behind.listen(99)
pid = os.fork()
if pid: print(pid, flush=True); os._exit(0)
os.close(1)
ADDRESSES = {1: socket.inet_aton("127.0.0.1"), 28: socket.inet_pton(socket.AF_INET6, "2001:db8::1")}
while True:
  query, peer = dns.recvfrom(999)
  end = query.index(0, 12) + 5
  name, kind = query[13:13 + query[12]].decode(), query[end - 3]
  if name == "mute": continue
  code = {"gone": 3, "broken": 2}.get(name, 0)
  found = ADDRESSES.get(kind) if name == "works" else None
  record = b"" if found is None else b"\\xc0\\x0c\\0" + bytes([kind]) + b"\\0\\1\\0\\0\\0\\x3c\\0" + bytes([len(found)]) + found
  head = query[:2] + bytes([0x81, 0x80 | code, 0, 1, 0, 1 if record else 0, 0, 0, 0, 0])
  dns.sendto(head + query[12:end] + record, peer)
`;

const NETWORK = ownNetworkWith(
  [
    // What is sent there is lost.
    'ip addr add 192.0.2.1/32 dev lo && ip route add 192.0.2.77 dev lo src 192.0.2.1',
    `iptables -A OUTPUT -p tcp --dport ${RESET} --tcp-flags SYN,ACK ACK -j REJECT --reject-with tcp-reset`,
    `server=$(python3 -c '${SERVER}')`,
  ].join('\n'),
);

const PROGRAM = `
import socket, struct, time
def attempt(host, port, timeout=1.5):
  try: socket.create_connection((host, port), timeout)
  except OSError as error: pass
for name in ("gone", "empty", "broken"): attempt(name + ".example.com", 80)
attempt("works.example.com", ${OPEN})
for _ in range(40): attempt("127.0.0.9", ${CLOSED})
attempt("127.0.0.8", ${RESET})
attempt("127.0.0.8", ${RESET}, None)
attempt("192.0.2.77", 80)
attempt("203.0.113.9", 80)
for _ in range(40): attempt("198.51.100.7", 80)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: udp.connect(("198.51.100.8", 53))
except OSError: pass
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect(("127.0.0.1", 53))
asking.send(b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4mute\\7example\\3com\\0\\0\\1\\0\\1")
time.sleep(1.2)
`;

for (const user of anyUser) {
  test(`run tells each failure and refusal once, and sums them up at the end (${user})`, async () => {
    const folder = ownFolder(user);
    const audit = join(folder, 'audit.log');
    const allow = [
      '*.example.com:*',
      `127.0.0.9:${CLOSED}`,
      `127.0.0.8:${RESET}`,
      `127.0.0.1:${OPEN}`,
      '192.0.2.77:80',
    ];
    const rules = [...allow, `[2001:db8::1]:${OPEN}`, '203.0.113.9:80'].flatMap((rule) => ['--allow', rule]);
    const { stderr, status } = await postern(
      [
        'run',
        '--dns',
        DNS,
        '--audit',
        audit,
        ...rules,
        '--',
        'python3',
        '-c',
        PROGRAM.replaceAll('\\\\', '\\'),
      ],
      { as: user, inside: NETWORK },
    );
    assert.equal(status, 0, stderr);
    const lines = stderr
      .replace(/\d+\.\d s/g, 'N s')
      .trimEnd()
      .split('\n');
    const summary = lines.splice(-2);
    assert.deepEqual(lines.sort(), [
      'postern: "127.0.0.8:82" is allowed, but 127.0.0.8 reset the connection (2 times so far)',
      'postern: "127.0.0.9:81" is allowed, but nothing listens at 127.0.0.9 (40 times so far)',
      'postern: "192.0.2.77:80" is allowed, but 192.0.2.77 gave no answer within N s',
      'postern: "203.0.113.9:80" is allowed, but no route leads from this host to 203.0.113.9',
      `postern: "broken.example.com" is allowed, but DNS server ${DNS} could not answer`,
      `postern: "empty.example.com" is allowed, but DNS server ${DNS} says that it has no address`,
      `postern: "gone.example.com" is allowed, but DNS server ${DNS} says that it does not exist`,
      `postern: "mute.example.com" is allowed, but DNS server ${DNS} gave no answer within N s`,
      `postern: Cannot connect to "198.51.100.7:80": no rule allows "198.51.100.7"; to allow it: --allow '198.51.100.7:80'`,
      'postern: Cannot send UDP to "198.51.100.8:53": only TCP leaves the sandbox',
    ]);
    assert.match(
      summary[0] ?? '',
      /^postern: refused: "198\.51\.100\.7:80" \(no_rule, 40 times\), "198\.51\.100\.8:53" \(udp_refused\); failed: "127\.0\.0\.9:81" \(refused, 40 times\), /,
    );
    assert.equal(summary[1], "postern: to allow all of this: --allow '198.51.100.7:80'");
    const events = readFileSync(audit, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): { event: string; reason: string; plugin: string } => JSON.parse(line))
      .filter(({ event }) => event === 'failed');
    assert.deepEqual(events.map(({ reason }) => reason).sort(), [
      'dns_failed',
      'dns_timeout',
      'name_unknown',
      'name_unknown',
      'refused',
      'reset',
      'timeout',
      'unreachable',
    ]);
  });
}
