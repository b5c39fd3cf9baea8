// `explain` says what `run` does: each destination is asked about, and then tried by a program in a sandbox. A server outside, on every
// address of a network of the test's own, is the judge.
// proves: a program's own connect is decided as the trap decides it
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile, readableFolder, type User } from '../harness/users.js';

const PORT = 8080;
const OWN = '93.184.216.34';
const METADATA = '169.254.169.254';
const HOSTS = readableFile(
  'hosts',
  `127.0.0.1 localhost loop.test\n${OWN} own.test\n${METADATA} meta.test\n127.0.0.1 both.test\n10.9.9.9 both.test shared.test\n`,
);
const DESTINATIONS = [
  '127.0.0.1',
  '127.0.0.2',
  '::1',
  '0.0.0.0',
  '::',
  '192.0.0.8',
  OWN,
  METADATA,
  '10.9.9.9',
  'localhost',
  'loop.test',
  'own.test',
  'meta.test',
  'both.test',
  'shared.test',
  'other.test',
];
const NAMES = ['loop', 'own', 'meta', 'both', 'shared'].map((name) => `${name}.test:${PORT}`);
const RULES: Readonly<Record<string, { allow: readonly string[]; deny?: readonly string[]; mode?: string }>> =
  {
    nothing: { allow: [] },
    blocks: { allow: ['127.0.0.0/8:*', '@loopback:*', '0.0.0.0/0:*', '@metadata:*', '@private:*'] },
    exact: {
      allow: [
        ...['127.0.0.1', '127.0.0.2', '[::1]', '0.0.0.0', OWN, METADATA].map((host) => `${host}:${PORT}`),
        `localhost:${PORT}`,
      ],
    },
    names: { allow: [...NAMES, `localhost:${PORT}`] },
    'names-and-blocks': { allow: [...NAMES, `@private:${PORT}`, `@loopback:${PORT}`, `${OWN}:${PORT}`] },
    'other-port': { allow: ['shared.test:443', `10.9.9.9:443,${PORT}`, `127.0.0.1:${PORT + 1}`] },
    denied: {
      allow: [...NAMES, `127.0.0.1:${PORT}`, `10.9.9.9:${PORT}`],
      deny: ['127.0.0.1', `shared.test:${PORT}`, '@metadata'],
    },
    audit: { allow: [`${OWN}:1`], mode: 'audit' },
  };
const NETWORK = `
mount --bind ${HOSTS} /etc/hosts
ip link set lo up
for address in ${OWN} ${METADATA} 10.9.9.9; do ip addr add $address/32 dev lo; done
/usr/bin/python3 -c "
import socket, sys
server = socket.create_server(('::', ${PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
print('listening', flush=True)
while True:
    server.accept()[0].sendall(b'host')
" | (read -r first; exec cat) &
until grep -q ':1F90 .* 0A ' /proc/net/tcp6; do sleep 0.05; done
exec "$@"`;
const ATTEMPTS = `
import errno, json, socket, sys
answers = {}
for host in json.loads(sys.argv[1]):
    try:
        answers[host] = socket.create_connection((host, ${PORT}), timeout=10).recv(9).decode()
    except socket.gaierror:
        answers[host] = 'EACCES'
    except OSError as error:
        answers[host] = errno.errorcode.get(error.errno, str(error))
print(json.dumps(answers))
`;
const own = process.geteuid?.() === 0 ? [] : ['--user', '--map-current-user', '--keep-caps'];
/** The judge ends with the namespace of processes. */
const inside = [
  ...['unshare', ...own, '--mount', '--net', '--pid', '--fork', '--mount-proc', '--kill-child'],
  ...['sh', '-ec', NETWORK, 'sh'],
];

interface Explained {
  readonly plugin: string;
  readonly decision: string;
  readonly reason: string;
  readonly addresses: readonly { readonly fate: string }[];
}

/** What a program may meet if `explain` tells the truth. With several addresses it meets the errno of the last one. */
function expected({ decision, addresses }: Explained): readonly string[] {
  if (decision !== 'deny') return ['host'];
  const inside = addresses.filter(({ fate }) => fate === 'inside').length;
  const errnos = inside === 0 ? [] : ['ECONNREFUSED'];
  return inside < addresses.length || addresses.length === 0 ? [...errnos, 'EACCES'] : errnos;
}

async function tryAll(as: User, name: string): Promise<Readonly<Record<string, string>>> {
  const { allow, deny = [], mode = 'enforce' } = RULES[name] ?? { allow: [] };
  const words = [...allow.flatMap((rule) => ['--allow', rule]), ...deny.flatMap((rule) => ['--deny', rule])];
  const { stdout, stderr } = await postern(
    [
      ...['run', '--mode', mode, ...words, '--audit', '/dev/null', '--'],
      ...['/usr/bin/python3', '-c', ATTEMPTS, JSON.stringify(DESTINATIONS)],
    ],
    { as, inside },
  );
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout) as Record<string, string>;
}

function writeConfig(): string {
  const folder = readableFolder();
  const plugins = Object.entries(RULES).map(([name, rules]) => [name, { command: ['true'], ...rules }]);
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ plugins: Object.fromEntries(plugins) }));
  return folder;
}

for (const as of anyUser)
  test(`explain says what run does, for loopback, own addresses, metadata and names (${as})`, async () => {
    const cwd = writeConfig();
    const explained = new Map<string, Explained>();
    for (const host of DESTINATIONS) {
      const place = `${host.includes(':') ? `[${host}]` : host}:${PORT}`;
      const { stdout, stderr } = await postern(['explain', place, '--json'], { as, cwd, inside });
      for (const line of stdout.trim().split('\n')) {
        const answer = JSON.parse(line) as Explained;
        explained.set(`${answer.plugin} ${host}`, answer);
      }
      assert.equal(stderr, '');
    }
    const met: Record<string, string> = {};
    const lies: string[] = [];
    for (const name of Object.keys(RULES)) {
      for (const [host, result] of Object.entries(await tryAll(as, name))) {
        const answer = explained.get(`${name} ${host}`);
        assert.ok(answer !== undefined, `${name} ${host}`);
        met[`${name} ${host}`] = result;
        if (!expected(answer).includes(result))
          lies.push(`${name} ${host}: ${result}, but explain says ${JSON.stringify(answer)}`);
      }
    }
    assert.deepEqual(lies, []);
    assert.deepEqual([...new Set(Object.values(met))].sort(), ['EACCES', 'ECONNREFUSED', 'host']);
    assert.equal(met['blocks 127.0.0.1'], 'ECONNREFUSED');
    assert.equal(met['exact 127.0.0.1'], 'host');
  });
