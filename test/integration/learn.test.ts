import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFile, readableFolder, type User } from '../harness/users.js';

const [anyone = 'user'] = anyUser;
const V6 = '2606:2800:220:1::7';
/** Fetches each `HOST PORT`: with `channel` by the channel, otherwise by Python's own sockets. */
const FETCH = readableFile(
  'fetch.py',
  `${PYTHON_CHANNEL}
import http.client, sys
egress, *places = sys.argv[1:]
channel = Channel.from_environment() if egress == "channel" else None
for place in places:
    host, port = place.split()
    web = http.client.HTTPConnection(host, int(port), timeout=10)
    if channel:
        web.sock = channel.connect(host, int(port))
    web.request("GET", "/", headers={"Host": f"{host}:{port}"})
    print(web.getresponse().read().decode().strip(), flush=True)
`,
);

let net: PublicNet;
before(async () => {
  net = await startPublicNet(
    {
      'api.example.com A': ['93.184.216.10'],
      'api.example.com AAAA': ['2606:2800:220:1::10'],
      'www.example.com A': ['93.184.216.11'],
      'cdn-a.example.com A': ['93.184.216.12'],
      'cdn-b.example.com A': ['93.184.216.12'],
      'asked.example.com A': ['93.184.216.13'],
      'db.example.com A': ['10.1.2.3'],
      'pool.example.com A': ['93.184.216.14'],
    },
    [80, 443, 8443],
  );
});
after(() => net.close());

function inNet(
  as: User,
  word: string,
  options: readonly string[],
  command: readonly string[],
): Promise<PosternResult> {
  return postern([word, '--dns', net.dns, ...options, '--', ...command], { as, inside: net.within });
}

interface Report {
  readonly status: number;
  readonly allow: readonly string[];
  readonly looked_up: readonly string[];
  readonly shared: readonly (readonly string[])[];
  readonly refused: readonly { readonly reason: string; readonly suggestion: string | null }[];
}

async function learn(as: User, options: readonly string[], command: readonly string[]): Promise<Report> {
  const { stderr } = await inNet(as, 'learn', ['--json', ...options], command);
  return JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as Report;
}

const allowing = (rules: readonly string[]): string[] => rules.flatMap((rule) => ['--allow', rule]);

/** Names and addresses, two ports, both families, curl, Python, and the channel. */
const PROGRAM = [
  'sh',
  '-c',
  `curl -sS http://api.example.com:8443/ http://api.example.com:443/ http://93.184.216.20:80/ 'http://[${V6}]:443/'
/usr/bin/python3 ${FETCH} direct 'api.example.com 80' 'cdn-a.example.com 80' 'cdn-b.example.com 80'
/usr/bin/python3 ${FETCH} channel 'www.example.com 443' '93.184.216.21 8443'
exit 3`,
];
const LEARNT = [
  'api.example.com:80,443,8443',
  'cdn-a.example.com:80',
  'cdn-b.example.com:80',
  'www.example.com',
  '93.184.216.20:80',
  '93.184.216.21:8443',
  `[${V6}]:443`,
];
const SERVED = [
  'api.example.com:8443',
  'api.example.com:443',
  '93.184.216.20',
  `[${V6}]:443`,
  'api.example.com:80',
  'cdn-a.example.com:80',
  'cdn-b.example.com:80',
  'www.example.com:443',
  '93.184.216.21:8443',
].map((host) => `served ${host}\n`);
const VISIBLE = ['--visible', FETCH];

for (const user of userInTurn(0)) {
  test(`the rules of learn, pasted or as a file, are what the same program needs and no more (${user})`, async () => {
    const folder = readableFolder();
    chmodSync(folder, 0o777);
    const file = join(folder, 'rules.yaml');
    const learnt = await inNet(user, 'learn', [...VISIBLE, '--output', file], PROGRAM);
    assert.equal(learnt.status, 3, learnt.stderr);
    assert.equal(learnt.stdout, SERVED.join(''));
    assert.deepEqual(learnt.stderr.split('\n'), [
      'postern: learnt 7 rules, as options and as a list for postern.yaml:',
      `postern: ${LEARNT.map((rule) => `--allow '${rule}'`).join(' ')}`,
      `postern: allow: [${LEARNT.map((rule) => JSON.stringify(rule)).join(', ')}]`,
      `postern: written to "${file}": use it by --rules, beside the rules that learn was given`,
      'postern: note: cdn-a.example.com, cdn-b.example.com have one address: which of them was meant cannot be told, so each has a rule',
      '',
    ]);
    const pasted = /^postern: (--allow .*)$/m.exec(learnt.stderr)?.[1] ?? '';
    const rules = [...pasted.matchAll(/'([^']*)'/g)].map((match) => match[1] ?? '');
    for (const options of [allowing(rules), ['--rules', file]]) {
      const enforced = await inNet(user, 'run', [...VISIBLE, ...options], PROGRAM);
      assert.deepEqual([enforced.status, enforced.stdout, enforced.stderr], [3, learnt.stdout, '']);
    }
    // Each of them is needed. It is enough to test this as one user.
    for (const left of user === anyone ? ['cdn-a.example.com:80', 'www.example.com', `[${V6}]:443`] : []) {
      const fewer = LEARNT.filter((rule) => rule !== left);
      const before = net.connections().length;
      const refused = await inNet(user, 'run', [...VISIBLE, ...allowing(fewer)], PROGRAM);
      assert.match(refused.stderr, /postern: Cannot (connect|resolve)/, left);
      assert.ok(net.connections().length - before < SERVED.length, left);
    }
  });
}

for (const user of userInTurn(1)) {
  test(`with egress: channel, connects are learnt the same way (${user})`, async () => {
    const command = ['/usr/bin/python3', FETCH, 'channel', 'api.example.com 443', '93.184.216.20 80'];
    const options = ['--egress', 'channel', ...VISIBLE];
    const { allow, status } = await learn(user, options, command);
    assert.deepEqual([status, allow], [0, ['api.example.com', '93.184.216.20:80']]);
    const enforced = await inNet(user, 'run', [...options, ...allowing(allow)], command);
    assert.deepEqual([enforced.status, enforced.stderr], [0, '']);
  });
}

test('connections that a given rule allows are not learnt; for a name with a rule only the missing port is', async () => {
  const command = [
    'curl',
    '-sS',
    'http://api.example.com:443/',
    'http://api.example.com:8443/',
    'http://www.example.com/',
  ];
  const given = ['--allow', 'api.example.com', '--allow', '*.example.com:80'];
  assert.deepEqual((await learn(anyone, given, command)).allow, ['api.example.com:8443']);
});

test('a given rule for an address does not replace the rule for its name', async () => {
  const command = ['curl', '-sS', 'http://www.example.com/'];
  const given = ['--allow', '93.184.216.11:80'];
  const { allow } = await learn(anyone, given, command);
  assert.deepEqual(allow, ['www.example.com:80']);
  const refused = await inNet(anyone, 'run', given, command);
  assert.match(refused.stderr, /postern: Cannot resolve "www\.example\.com"/);
});

test('deny rules and special addresses hold while learning, are reported, and become no rules', async () => {
  const script = `curl -s http://www.example.com/; curl -s http://db.example.com:5432/; curl -s http://10.9.8.7:5432/
/usr/bin/python3 ${FETCH} channel 'db.example.com 5432'`;
  const options = ['--deny', 'www.example.com', ...VISIBLE];
  const before = net.connections().length;
  const { stderr } = await inNet(anyone, 'learn', ['--json', ...options], ['sh', '-c', script]);
  assert.match(
    stderr,
    /^postern: Cannot resolve "www\.example\.com": deny rule "www\.example\.com" covers it/m,
  );
  assert.match(stderr, /^postern: Cannot connect to "10\.9\.8\.7:5432": .*--allow '10\.9\.8\.7:5432'$/m);
  assert.match(
    stderr,
    /^postern: Cannot connect to "db\.example\.com:5432": 10\.1\.2\.3 is a private address, .*--allow 'db\.example\.com:5432' --allow '10\.1\.2\.3:5432'$/m,
  );
  const report = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as Report;
  assert.deepEqual(report.allow, []);
  assert.deepEqual(report.looked_up, [], 'a connect to it was refused');
  assert.deepEqual(
    report.refused.map(({ reason, suggestion }) => [reason, suggestion]),
    [
      ['denied_by_rule', null],
      ['address_special', '10.1.2.3:5432'],
      ['address_special', '10.9.8.7:5432'],
    ],
  );
  assert.equal(net.connections().length, before);
});

const PRIVATE = `
import socket
for host, port in (("api.example.com", 443), ("db.example.com", 8443)):
  try: socket.create_connection((host, port), 5).close(); print("connected")
  except OSError as error: print(error.strerror)
`;

for (const user of userInTurn(0)) {
  test(`learn --update makes a file, adds to it, and keeps what stayed closed as comments; the private host works once they are rules (${user})`, async () => {
    const folder = readableFolder();
    chmodSync(folder, 0o777);
    const file = join(folder, 'rules.yaml');
    const command = ['/usr/bin/python3', '-c', PRIVATE];
    const update = ['--update', file];
    const first = await inNet(user, 'learn', update, command);
    assert.equal(first.stdout, 'connected\nPermission denied\n', first.stderr);
    const closed = `Cannot connect to "db.example.com:8443": 10.1.2.3 is a private address, which no rule opens`;
    const options = `--allow 'db.example.com:8443' --allow '10.1.2.3:8443'`;
    assert.deepEqual(first.stderr.split('\n'), [
      `postern: ${closed}; to allow it: ${options}`,
      'postern: learnt 1 rule, as options and as a list for postern.yaml:',
      "postern: --allow 'api.example.com'",
      'postern: allow: ["api.example.com"]',
      `postern: written to "${file}": use it by --rules, beside the rules that learn was given`,
      `postern: note: 1 refusal told above: deny rules hold while learning, and special addresses and sockets stay closed; once a rule opens them, learn again: ${options}`,
      '',
    ]);
    const comments = [`  # - "db.example.com:8443" # ${closed}`, `  # - "10.1.2.3:8443" # ${closed}`, ''];
    const made = [
      '# What python3 connected to, by postern learn.',
      'allow:',
      '  - api.example.com',
      ...comments,
    ];
    assert.deepEqual(readFileSync(file, 'utf8').split('\n'), made);

    // The same command once more, as a CI job runs it.
    const again = await inNet(user, 'learn', update, command);
    assert.match(again.stderr, /^postern: learnt no rule: /m);
    assert.deepEqual(readFileSync(file, 'utf8').split('\n'), made);

    // Somebody opens it, and adds a comment of their own.
    writeFileSync(file, `# ours\n${readFileSync(file, 'utf8').replaceAll('  # - ', '  - ')}`);
    const opened = await inNet(user, 'learn', update, command);
    assert.equal(opened.stdout, 'connected\nconnected\n', opened.stderr);
    assert.deepEqual(opened.stderr.split('\n').slice(1), [`postern: nothing new for "${file}"`, '']);
    const more = await inNet(user, 'learn', update, ['curl', '-sS', 'http://www.example.com/']);
    assert.equal(more.status, 0, more.stderr);
    const text = readFileSync(file, 'utf8');
    assert.match(text, /^# ours\n/);
    assert.match(text, /\n {2}- www\.example\.com:80\n$/);
    const enforced = await inNet(user, 'run', ['--rules', file], command);
    assert.deepEqual([enforced.stdout, enforced.stderr], ['connected\nconnected\n', '']);
  });
}

test('learn --update takes no link, no file of another form, and no plugin may write the file meanwhile', async () => {
  const folder = readableFolder();
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, 'allow: []\n', { mode: 0o666 });
  chmodSync(file, 0o666);
  chmodSync(folder, 0o777);
  symlinkSync(file, join(folder, 'link.yaml'));
  writeFileSync(join(folder, 'postern.yaml'), 'plugins: {}\n');
  for (const [name, message] of [
    ['link.yaml', /leads through no link$/m],
    ['postern.yaml', /plugins/],
  ] as const) {
    const refused = await postern(['learn', '--update', join(folder, name), '--', 'echo', 'ran'], {
      as: anyone,
    });
    assert.deepEqual([refused.status, refused.stdout], [125, ''], refused.stderr);
    assert.match(refused.stderr, message);
  }
  const both = await postern(['learn', '--update', file, '--output', `${file}2`, '--', 'echo', 'ran'], {
    as: anyone,
  });
  assert.deepEqual([both.status, both.stdout], [125, '']);
  const script = `echo 'allow: ["*"]' > ${file}; mv ${folder}/postern.yaml ${file}; curl -sS http://www.example.com/`;
  const tried = await inNet(
    anyone,
    'learn',
    ['--update', file, '--writable', folder, '--cwd', '/usr'],
    ['sh', '-c', script],
  );
  assert.match(tried.stderr, /Read-only file system/);
  assert.equal(readFileSync(file, 'utf8'), 'allow: [www.example.com:80]\n');
});

test('a name that was looked up and never connected to is a note, not a rule', async () => {
  const command = ['sh', '-c', 'getent ahosts asked.example.com; getent hosts none.example.com; true'];
  const { allow, looked_up: lookedUp } = await learn(anyone, [], command);
  assert.deepEqual([allow, lookedUp], [[], ['asked.example.com', 'none.example.com']]);
  const { stderr } = await inNet(anyone, 'learn', [], command);
  const [failed = '', ...rest] = stderr.split('\n');
  assert.match(
    failed,
    /^postern: "none\.example\.com" is allowed, but DNS server .* says that it does not exist/,
  );
  assert.deepEqual(rest, [
    'postern: learnt no rule: the program connected to nobody whom the rules do not allow',
    "postern: note: looked up and never connected to, so without a rule: asked.example.com, none.example.com; if their addresses are needed: --allow 'asked.example.com' --allow 'none.example.com'",
    '',
  ]);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the program, and the rules learnt so far are printed`, async () => {
    const script = 'curl -sS http://api.example.com:443/; echo up; exec sleep 60';
    const { child, result, stdout } = startPostern(['learn', '--dns', net.dns, '--', 'bash', '-c', script], {
      as: anyone,
      inside: net.within,
    });
    await until(() => stdout().includes('up\n') || undefined);
    child.kill(signal);
    const { status, stderr } = await result;
    assert.equal(status, signal === 'SIGINT' ? 130 : 143);
    assert.match(stderr, /^postern: --allow 'api\.example\.com'$/m);
  });
}

test('a connect that is under way when the program ends is learnt', async () => {
  const script = `
import socket, threading, time
socket.socket().connect_ex(("93.184.216.20", 80))
left = socket.socket()
left.setblocking(False)
left.connect_ex(("93.184.217.1", 80))
threading.Thread(target=lambda: socket.socket().connect(("93.184.217.2", 80)), daemon=True).start()
time.sleep(2)
`;
  const { stderr } = await inNet(anyone, 'learn', [], ['/usr/bin/python3', '-c', script]);
  assert.match(
    stderr,
    /^postern: allow: \["93\.184\.216\.20:80", "93\.184\.217\.1:80", "93\.184\.217\.2:80"\]$/m,
  );
  assert.match(
    stderr,
    /^postern: note: no connection came about with 93\.184\.217\.1:80, 93\.184\.217\.2:80$/m,
  );
});

// proves: learn and init: a new file follows no link of a plugin's
test('the output goes to the folder that was there at the start, and not through a link that the program put there', async () => {
  for (const user of anyUser) {
    const folder = readableFolder();
    const [writable, target] = [join(folder, 'writable'), join(folder, 'target')];
    for (const one of [writable, target, join(writable, 'rules')]) {
      mkdirSync(one);
      chmodSync(one, 0o777);
    }
    const exchange = `mv ${writable}/rules ${writable}/moved && ln -s ${target} ${writable}/rules`;
    const output = join(writable, 'rules/rules.yaml');
    const options = ['--output', output, '--cwd', '/usr', '--writable', writable];
    const { status, stderr } = await postern(['learn', ...options, '--', '/bin/sh', '-c', exchange], {
      as: user,
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(readdirSync(target), []);
    assert.ok(existsSync(join(writable, 'moved/rules.yaml')));
    // The next run meets the link.
    const next = await postern(['learn', ...options, '--', '/bin/true'], { as: user });
    assert.equal(next.status, 125);
    assert.match(next.stderr, /^postern: Cannot write ".*rules\.yaml"; .* leads through no link\n$/);
    const first = await postern(['init', join(writable, 'rules/first.yaml')], { as: user });
    assert.equal(first.status, 1);
    assert.match(first.stderr, /^postern: Cannot write ".*first\.yaml"; .* leads through no link\n$/);
    assert.deepEqual(readdirSync(target), []);
  }
});

test('an output file that exists or cannot be written is refused before the program runs', async () => {
  const folder = readableFolder();
  const there = readableFile('rules.yaml', 'allow: []\n');
  for (const [file, message] of [
    [there, /^postern: ".*rules\.yaml" exists already; name another file, or remove it\n$/],
    [join(folder, 'none/rules.yaml'), /^postern: Cannot write ".*"; name a file in a folder that exists/],
  ] as const) {
    const { status, stdout, stderr } = await postern(['learn', '--output', file, '--', 'echo', 'ran'], {
      as: anyone,
    });
    assert.deepEqual([status, stdout], [125, '']);
    assert.match(stderr, message);
  }
  assert.equal(readFileSync(there, 'utf8'), 'allow: []\n');
  assert.ok(!existsSync(join(folder, 'none')));
});

test('a command that is not found is 127, a bad rule 125, and nothing is learnt', async () => {
  const absent = await postern(['learn', '--', 'no-such-program'], { as: anyone });
  assert.equal(absent.status, 127);
  assert.match(absent.stderr, /^postern: Command "no-such-program" not found/);
  const bad = await postern(['learn', '--allow', '*.com', '--', 'echo', 'ran'], { as: anyone });
  assert.deepEqual([bad.status, bad.stdout], [125, '']);
  assert.match(bad.stderr, /^postern: .*\*\.com/);
});
