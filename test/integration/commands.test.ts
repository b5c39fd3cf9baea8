import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { allFacts } from '../../sandbox/cli/all-commands.js';
import { COMMAND_NAMES, COMMANDS } from '../../sandbox/cli/command-table.js';
import { startNameServer } from '../broker/name-server.js';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { chownTo, readableFolder, users } from '../harness/users.js';

const [anyone = 'user'] = users;

function folderWith(text: string): string {
  const folder = readableFolder();
  writeFileSync(join(folder, 'postern.yaml'), text);
  return folder;
}

test('check counts plugins and rules, and warns of rules without effect', async () => {
  const cwd = folderWith(`plugins:
  web:
    command: [node]
    allow:
      - "*"
      - api.example.com
      - api.example.com
      - ads.example.com
    deny: [ads.example.com]
`);
  const { status, stdout, stderr } = await postern(['check'], { as: anyone, cwd });
  assert.equal(status, 0, stderr);
  assert.deepEqual(stdout.split('\n'), [
    'warning  ./postern.yaml:5: plugins.web: The rule "*" allows every name of two labels or more',
    'warning  ./postern.yaml:6: plugins.web: The rule "api.example.com" changes nothing: rule "*" covers it (./postern.yaml:5)',
    'warning  ./postern.yaml:7: plugins.web: The rule "api.example.com" changes nothing: rule "api.example.com" covers it (./postern.yaml:6)',
    'warning  ./postern.yaml:8: plugins.web: The rule "ads.example.com" never matches: deny rule "ads.example.com" covers it (./postern.yaml:9)',
    './postern.yaml: 1 plugin, 5 rules, 4 warnings',
    '',
  ]);
});

test('check warns of calls that weaken a guarantee, with the reason', async () => {
  const cwd = folderWith(`defaults:
  seccomp: {unsafe_allow: [kcmp]}
plugins:
  web: {command: [node], seccomp: {allow: [adjtimex]}}
`);
  const { status, stdout } = await postern(['check'], { as: anyone, cwd });
  assert.equal(status, 0);
  assert.deepEqual(stdout.split('\n'), [
    'warning  ./postern.yaml:2: plugins.web: The call "kcmp" weakens a guarantee: it reaches into other processes: only those of the sandbox, if the kernel keeps namespaces apart',
    './postern.yaml: 1 plugin, 0 rules, 1 warning',
    '',
  ]);
});

// proves: a folder by which plugins can reach each other is told
test('check warns of a folder by which plugins can reach each other, with its line, and of no other', async () => {
  const cwd = folderWith(`plugins:
  a:
    command: [node]
    filesystem:
      writable:
        - own-a
        - shared
  b:
    command: [node]
    filesystem:
      writable: [own-b]
      visible:
        - apart
        - ./shared
  c:
    command: [node]
    filesystem: {writable: [link]}
  d:
    command: [node]
    filesystem: {visible: [above, apart]}
  e:
    command: [node]
    filesystem: {writable: [above/inner]}
`);
  for (const name of ['own-a', 'own-b', 'shared', 'apart', 'above/inner'])
    mkdirSync(join(cwd, name), { recursive: true });
  symlinkSync('shared', join(cwd, 'link'));
  const { status, stdout } = await postern(['check', '--json'], { as: anyone, cwd });
  const { warnings } = JSON.parse(stdout) as {
    warnings: { plugin: string; place: string; message: string }[];
  };
  assert.equal(status, 0, stdout);
  assert.deepEqual(
    warnings.map(
      ({ plugin, place, message }) => `${plugin} ${place} ${message.slice(0, message.indexOf(':'))}`,
    ),
    [
      `b ./postern.yaml:14 The plugin "a" may write "${cwd}/shared", which this plugin may read`,
      `c ./postern.yaml:17 The plugin "a" may write "${cwd}/shared", in "${cwd}/link", which this plugin may write`,
      `d ./postern.yaml:20 The plugin "e" may write "${cwd}/above/inner", in "${cwd}/above", which this plugin may read`,
    ],
  );
  for (const { message } of warnings)
    assert.match(message, /files there; give each plugin a folder that no other plugin names$/);
});

test('check warns of a working directory that another plugin writes, and not of what is hidden', async () => {
  const cwd = folderWith(`plugins:
  a:
    command: [sh]
    filesystem: {writable: [place, data/own]}
  b:
    command: [sh]
    cwd: place
  c:
    command: [sh]
    filesystem: {visible: [data], hidden: [data/own]}
`);
  for (const name of ['place', 'data/own']) mkdirSync(join(cwd, name), { recursive: true });
  const { stdout } = await postern(['check'], { as: anyone, cwd });
  assert.deepEqual(stdout.split('\n'), [
    `warning  ./postern.yaml:7: plugins.b: The plugin "a" may write "${cwd}/place", where this plugin starts: it can pass this plugin files there; start this plugin in a folder (cwd) that no other plugin writes`,
    './postern.yaml: 3 plugins, 0 rules, 1 warning',
    '',
  ]);
});

test('check warns where nobody is asked, since mode audit allows what no rule allows', async () => {
  const cwd = folderWith(`defaults:
  unknown: ask
plugins:
  a: {command: [node], mode: audit}
  b: {command: [node]}
  c:
    command: [node]
    mode: audit
    unknown: ask
  d: {command: [node], mode: audit, unknown: deny}
`);
  const { status, stdout } = await postern(['check'], { as: anyone, cwd });
  assert.equal(status, 0);
  const why = 'unknown: ask asks nobody: mode audit allows what no rule allows. Leave out one of them';
  assert.deepEqual(stdout.split('\n'), [
    `warning  ./postern.yaml:4: plugins.a: ${why}`,
    `warning  ./postern.yaml:9: plugins.c: ${why}`,
    './postern.yaml: 4 plugins, 0 rules, 2 warnings',
    '',
  ]);
});

test('check warns of a home that two plugins share and of a home_mib without effect, and refuses a bad home', async () => {
  const cwd = folderWith(`plugins:
  a: {command: [node], home: ./kept, limits: {home_mib: 5}}
  b: {command: [node], home: kept}
  c: {command: [node], limits: {home_mib: 5}}
`);
  chownTo(anyone, cwd);
  const { status, stdout } = await postern(['check'], { as: anyone, cwd });
  assert.equal(status, 0);
  assert.deepEqual(stdout.split('\n'), [
    'warning  ./postern.yaml:2: plugins.a: home_mib bounds nothing: the home is kept, and its own file system bounds it',
    'warning  ./postern.yaml:3: plugins.b: The plugin "a" has the same home: each can change what the other one runs and reads there',
    './postern.yaml: 3 plugins, 0 rules, 2 warnings',
    '',
  ]);
  assert.ok(!existsSync(join(cwd, 'kept')), 'check makes nothing');
  const bad = folderWith(
    'plugins:\n  a: {command: [node], home: /root}\n  b: {command: [node], home: ./x/y}\n',
  );
  for (const [words, expected] of [
    [['check'], 1],
    [['up'], 2],
  ] as const) {
    const result = await postern(words, { as: anyone, cwd: bad });
    assert.equal(result.status, expected);
    const text = result.stdout + result.stderr;
    assert.match(text, /postern.yaml:2:30: plugins.a.home: "\/root" is a home directory of this host/);
    assert.match(text, /postern.yaml:3:30: plugins.b.home: ".*\/x\/y" cannot be made/);
  }
});

test('check prints every error, or all as one JSON object, and ends with 1', async () => {
  const cwd = folderWith('plugins:\n  web: {comand: [node], allow: [https://x.example.com]}\n');
  const { status, stdout } = await postern(['check', 'postern.yaml'], { as: anyone, cwd });
  assert.equal(status, 1);
  assert.deepEqual(stdout.split('\n'), [
    'error    postern.yaml:2:9: plugins.web.comand: unknown key; did you mean "command"?',
    'error    postern.yaml:2:33: plugins.web.allow[0]: The rule "https://x.example.com" has the scheme "https": rules are for TCP, and say host and port; write "x.example.com"',
    'postern.yaml: 2 errors',
    '',
  ]);
  const asJson = await postern(['check', '--json'], { as: anyone, cwd });
  assert.equal(asJson.status, 1);
  const report = JSON.parse(asJson.stdout) as { ok: boolean; problems: Record<string, unknown>[] };
  assert.equal(report.ok, false);
  assert.deepEqual(report.problems[0], {
    file: './postern.yaml',
    line: 2,
    column: 9,
    key: 'plugins.web.comand',
    message: 'unknown key',
    suggestion: 'did you mean "command"?',
  });
});

test('init writes a file that checks, runs, names its schema for editors, and overwrites none', async () => {
  const as = anyone;
  const cwd = ownFolder(as);
  const first = await postern(['init'], { as, cwd });
  assert.equal(first.status, 0, first.stderr);
  const text = readFileSync(join(cwd, 'postern.yaml'), 'utf8');
  const schema = /^# yaml-language-server: \$schema=(.+)\n/.exec(text)?.[1] ?? '';
  assert.match(schema, /^file:\/\//);
  assert.ok(existsSync(fileURLToPath(schema)), schema);
  const checked = await postern(['check'], { as, cwd });
  assert.equal(checked.status, 0, checked.stdout);
  assert.match(checked.stdout, /1 plugin, 2 rules, 0 warnings/);
  assert.equal(first.stdout, 'Wrote ./postern.yaml. Next: postern check, then postern up\n');
  const named = await postern(['init', 'my file.yaml'], { as, cwd });
  const next = "Next: postern check 'my file.yaml', then postern up 'my file.yaml'";
  assert.equal(named.stdout, `Wrote my file.yaml. ${next}\n`);
  for (const words of [['up'], ['up', 'my file.yaml']]) {
    const ran = await postern(words, { as, cwd });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^hello \| I run/);
  }
  const again = await postern(['init'], { as, cwd });
  assert.equal(again.status, 1);
  assert.match(again.stderr, /^postern: ".\/postern.yaml" exists already; /);
  assert.equal(readFileSync(join(cwd, 'postern.yaml'), 'utf8'), text);
});

for (const user of anyUser) {
  test(`explain prints decision, reason, rule with its place, each address with its fate, and the rule that would allow (${user})`, async () => {
    const cwd = folderWith(`plugins:
  web:
    command: [node]
    allow:
      - "*.example.com"
    deny: [192.0.2.0/24]
`);
    const run = (...args: string[]): ReturnType<typeof postern> =>
      postern(['explain', ...args], { as: user, cwd });
    const allowed = await run(
      'web',
      'api.example.com:443',
      '--resolved',
      '10.0.0.7,192.0.2.9,203.0.113.5,93.184.216.34',
    );
    assert.equal(allowed.status, 0, allowed.stderr);
    assert.deepEqual(allowed.stdout.split('\n'), [
      'plugin      web',
      'request     api.example.com:443',
      'decision    allow',
      'reason      rule',
      'because     rule "*.example.com" allows it',
      'rule        *.example.com (./postern.yaml:5)',
      'address     10.0.0.7       private    address_special',
      'address     192.0.2.9      special    address_denied by 192.0.2.0/24',
      'address     203.0.113.5    special    address_special',
      'address     93.184.216.34  public     dialed',
      '',
    ]);
    const refused = await run('web', 'tracker.example.net:8443');
    assert.equal(refused.status, 1);
    assert.deepEqual(refused.stdout.split('\n'), [
      'plugin      web',
      'request     tracker.example.net:8443',
      'decision    deny',
      'reason      no_rule',
      'because     no rule allows "tracker.example.net"',
      'to allow it add "tracker.example.net:8443" to plugins.web.allow',
      '',
    ]);
    const special = await run('web', 'db.example.com', '--resolved', '10.1.2.3');
    assert.equal(special.status, 1);
    assert.match(special.stdout, /^to allow it add "10\.1\.2\.3:443" to plugins\.web\.allow$/m);
    const closed = await run('web', '192.0.2.1:80');
    assert.match(
      closed.stdout,
      /^to allow it remove the deny rule "192\.0\.2\.0\/24": it wins over every allow rule$/m,
    );
    const denied = await run('192.0.2.1:80', '--allow', '192.0.2.1:80', '--deny', '192.0.2.0/28', '--json');
    assert.equal(denied.status, 1);
    const answer = JSON.parse(denied.stdout) as Record<string, unknown>;
    assert.equal(answer['plugin'], null);
    assert.equal(answer['decision'], 'deny');
    assert.equal(answer['reason'], 'denied_by_rule');
    assert.equal(answer['place'], '--deny');
    assert.deepEqual(answer['addresses'], [
      { address: '192.0.2.1', class: 'special', fate: 'denied_by_rule', rule: null },
    ]);
  });

  test(`explain says whether a socket of the host is open, and which rule would open it (${user})`, async () => {
    const path = '/run/postern-test/nobody.sock';
    const run = (...args: string[]): ReturnType<typeof postern> =>
      postern(['explain', `unix:${path}`, ...args], { as: user });
    const allowed = await run('--allow', `unix:${path}`);
    assert.equal(allowed.status, 0, allowed.stderr);
    assert.deepEqual(allowed.stdout.split('\n'), [
      `request     unix:${path}`,
      'decision    allow',
      'reason      rule',
      `because     rule "unix:${path}" allows it`,
      `rule        unix:${path} (--allow)`,
      '',
    ]);
    const refused = await run('--allow', '*', '--allow', '@private', '--mode', 'audit');
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /^reason {6}no_rule$/m);
    assert.match(refused.stdout, /^to allow it --allow 'unix:\/run\/postern-test\/nobody\.sock'$/m);
    const denied = await run('--allow', `unix:${path}`, '--deny', `unix:${path}`);
    assert.equal(denied.status, 1);
    assert.match(denied.stdout, /^reason {6}denied_by_rule$/m);
    const wrong = await run('--allow', 'unix:/run/../x.sock');
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /shortest form: "\/x\.sock"; write --allow 'unix:\/x\.sock'$/m);
  });

  test(`explain dials nobody (${user})`, async () => {
    const upstream = await listen();
    const place = `127.0.0.1:${upstream.port}`;
    const { status, stdout } = await postern(['explain', place, '--allow', place], { as: user });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^address {5}127\.0\.0\.1 {2}loopback {3}dialed$/m);
    assert.equal(await upstream.allConnections(), 0);
    await upstream.close();
  });
}

test('wrong usage ends with 2, run with 125, one line with a suggestion each', async () => {
  const cwd = folderWith('plugins: {web: {command: [node]}}\n');
  const cases: readonly [readonly string[], number, RegExp][] = [
    [
      ['chek'],
      2,
      /^postern: unknown command 'chek' \(Did you mean check\?\); postern --help shows what there is\n$/,
    ],
    [['check', '--jsn'], 2, /\(Did you mean --json\?\); postern check --help shows what there is\n$/],
    [['up', 'a', 'b'], 2, /Expected 1 argument but got 2; postern up --help shows what there is\n$/],
    [['up', 'a', '--config', 'b'], 2, /^postern: Two files: "a", and "b" by --config; name one\n$/],
    [['run', '--alow', 'x', '--', 'true'], 125, /\(Did you mean --allow\?\)/],
    [['run'], 125, /missing required argument 'command'/],
    [['run', '--mode', 'enforced', '--', 'true'], 125, /Allowed choices are enforce, audit/],
    [['run', '--rules', 'missing.yaml', '--', 'true'], 125, /^postern: missing\.yaml: cannot be read/],
    [['explain', 'wbe', 'a.example.com'], 2, /^postern: There is no plugin "wbe"; did you mean "web"\?\n$/],
    [['explain', 'https://a.example.com/x'], 2, /^postern: Not a destination: .*; write a\.example\.com\n$/],
    [['explain', '::1'], 2, /; write \[::1\]:443\n$/],
    [
      ['explain', 'a.example.com', '--live', '--preset', 'npm'],
      2,
      /A running postern answers by its own rules/,
    ],
    [
      ['explain', 'a.example.com', '--live', '--mode', 'audit'],
      2,
      /A running postern answers by its own rules/,
    ],
    [['explain', 'a.example.com', '--resolved', 'x'], 2, /^postern: Not an address: "x"; /],
    [
      ['explain', 'a.example.com', '--allow', 'https://a.example.com', '--deny', '@privat'],
      2,
      /^postern: The rule "https:.*; write --allow 'a\.example\.com'\npostern: The rule "@privat" names no class.*\n$/,
    ],
    [
      ['explain', 'a.example.com', '--allow', '*', '--dns', 'x'],
      2,
      /^postern: Not an address of a DNS server: "x"; /,
    ],
    [['run', '--dns', 'x', '--', 'true'], 125, /^postern: Not an address of a DNS server: "x"; /],
    [
      ['run', '--cwd', '/nonexistent', '--', 'true'],
      125,
      /^postern: Cannot start in "\/nonexistent": it does not exist; correct the path, or make it first\n$/,
    ],
    [
      ['run', '--env', 'LISTEN_FDS=1', '--', 'true'],
      125,
      /^postern: Not a variable to set: "LISTEN_FDS"; postern sets it itself\n$/,
    ],
    [['run', '--', ''], 127, /^postern: The command is empty; name a program\n$/],
    [['test', '/'], 2, /^postern: The file "\/" is not a regular file\n$/],
    [
      ['test', 'missing.json'],
      2,
      /^postern: The file "missing\.json" cannot be read: there is no such file\n$/,
    ],
    [['explain', 'web', 'a', 'b'], 2, /^postern: Give one destination/],
    [
      ['up', '--config', 'missing.yaml'],
      2,
      /^postern: missing\.yaml: cannot be read: there is no such file; /,
    ],
  ];
  for (const [args, status, message] of cases) {
    const result = await postern(args, { as: anyone, cwd });
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, message);
    assert.equal(result.stdout, '');
  }
});

test('explain says of a request what a gateway does in mode audit', async () => {
  const cwd = folderWith(`plugins:
  web:
    command: ["true"]
    mode: audit
    allow: [api.example.com]
    gateway:
      api.example.com: {allow: ["GET /**"], deny: ["* /admin/**"]}
`);
  for (const [request, status, decision] of [
    ['GET https://api.example.com/x', 0, 'allow'],
    ['POST https://api.example.com/x', 0, 'would_deny'],
    ['GET https://api.example.com/admin/x', 1, 'deny'],
    ['GET https://api.example.com/%00', 1, 'deny'],
  ] as const) {
    const asked = await postern(['explain', '--json', 'web', request], { as: anyone, cwd });
    assert.deepEqual([asked.status, JSON.parse(asked.stdout).decision], [status, decision], request);
  }
});

test('explain asks the DNS servers of the file, and those of --dns in their place', async (t) => {
  const [own, given] = await Promise.all(
    ['192.0.2.1', '192.0.2.2'].map((address) =>
      startNameServer({ 'a.example.com A': [address], 'a.example.com AAAA': [] }),
    ),
  );
  assert.ok(own !== undefined && given !== undefined);
  t.after(() => [own, given].map((server) => server.close()));
  const cwd = folderWith(
    `dns: ["${own.address}"]\nplugins: {web: {command: ["true"], allow: [a.example.com]}}\n`,
  );
  for (const [words, expected] of [
    [[], '192.0.2.1'],
    [['--dns', given.address], '192.0.2.2'],
  ] as const) {
    const asked = await postern(['explain', '--json', 'web', 'a.example.com:443', ...words], {
      as: anyone,
      cwd,
    });
    const { addresses } = JSON.parse(asked.stdout) as { addresses: readonly { address: string }[] };
    assert.deepEqual(
      addresses.map(({ address }) => address),
      [expected],
    );
  }
});

test('a command without a reader ends with its status and prints nothing', async () => {
  const cwd = folderWith('plugins: {web: {command: [node]}}\n');
  for (const args of [
    ['check'],
    ['--help'],
    ['up', '--help'],
    ['explain', 'a.example.com', '--allow', '*'],
  ]) {
    const { status, stderr } = await postern(args, {
      as: anyone,
      cwd,
      // The reader has ended before the first word is written.
      shell: 'set -o pipefail; { sleep 0.2; "$@"; } | true',
    });
    assert.equal(stderr, '', args.join(' '));
    assert.equal(status, args[0] === 'explain' ? 1 : 0, args.join(' '));
  }
});

test('a removed current folder gives an error of one line', async () => {
  for (const args of [['check'], ['up'], ['run', '--', 'true']]) {
    const { status, stderr } = await postern(args, {
      as: anyone,
      shell: 'gone=$(mktemp -d); cd "$gone"; rmdir "$gone"; exec "$@"',
    });
    assert.equal(stderr, 'postern: The current folder does not exist any more; change to another one\n');
    assert.equal(status, args[0] === 'run' ? 125 : 2);
  }
});

test('colours are for a terminal, not with NO_COLOR or TERM=dumb, and everywhere with FORCE_COLOR', async () => {
  const cwd = folderWith('plugins: {web: {command: [node], allow: ["*"]}}\n');
  const onTerminal = async (command: string, env: NodeJS.ProcessEnv): Promise<boolean> => {
    const { stdout } = await postern([command], {
      as: anyone,
      cwd,
      env: { PATH: '/usr/bin:/bin', TERM: 'xterm', ...env },
      shell: 'exec script -qec "$(printf "%q " "$@")" /dev/null',
    });
    assert.match(stdout, /warning|kernel/);
    return stdout.includes('\u001b[');
  };
  assert.equal(await onTerminal('check', {}), true);
  assert.equal(await onTerminal('check', { NO_COLOR: '1' }), false);
  assert.equal(await onTerminal('check', { TERM: 'dumb' }), false);
  assert.equal(await onTerminal('doctor', { TERM: 'dumb' }), false);
  assert.equal(await onTerminal('check', { FORCE_COLOR: '0' }), false);
  const { stdout } = await postern(['check'], { as: anyone, cwd });
  assert.doesNotMatch(stdout, /\u001b/);
  // A refusal is the line to notice among those of the program. It begins as every line of postern's.
  const refused = await postern(['run', '--', 'bash', '-c', '</dev/tcp/192.0.2.7/80'], {
    as: anyone,
    cwd,
    env: { PATH: '/usr/bin:/bin', NO_COLOR: '1', FORCE_COLOR: '1' },
  });
  assert.match(refused.stderr, /^postern: \u001b\[33mCannot connect to "192\.0\.2\.7:80"[^\n]*\u001b\[39m$/m);
});

test('every command has help with an example', async () => {
  const { parts } = allFacts();
  assert.deepEqual(
    parts.map(({ words }) => words[0]),
    [...COMMAND_NAMES],
  );
  for (const { words, after } of parts) assert.match(after, /^Examples?:\n {2}postern /m, `${words}`);
  const { status, stdout } = await postern(['check', '--help'], { as: anyone });
  const [shown = ''] = parts.filter(({ words }) => words[0] === 'check').map(({ after }) => after.trim());
  assert.deepEqual([status, stdout.trimEnd().endsWith(shown)], [0, true], stdout);
});

test('help groups the commands and the options of run, and is the same wherever its word stands', async () => {
  const help = async (...words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await postern(words, { as: anyone });
    assert.deepEqual([status, stderr], [0, ''], words.join(' '));
    assert.ok(
      stdout.split('\n').every((line) => line.length <= 80 || line.startsWith('  postern ')),
      words.join(' '),
    );
    return stdout;
  };
  const headings = (text: string): readonly string[] => text.match(/^[A-Z][a-z]+:$/gm) ?? [];
  const top = await help('--help');
  assert.deepEqual(headings(top), ['Options:', 'Run:', 'Rules:', 'Operate:', 'Answer:', 'Examples:']);
  const operate = top.slice(top.indexOf('Operate:'), top.indexOf('Answer:'));
  for (const name of COMMAND_NAMES.filter((one) => COMMANDS[one].group === 'Operate'))
    assert.match(operate, new RegExp(`^  ${name} `, 'm'));
  assert.equal(await help('help'), top);
  const run = await help('run', '--help');
  assert.deepEqual(headings(run), [
    ...['Arguments:', 'Rules:', 'Files:', 'Program:', 'Network:', 'Operate:', 'Options:', 'Examples:'],
  ]);
  for (const words of [
    ['help', 'run'],
    ['--help', 'run'],
    ['-h', 'run'],
  ])
    assert.equal(await help(...words), run);
  const wrong = await postern(['help', 'chek'], { as: anyone });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^postern: unknown command 'chek' \(Did you mean check\?\)/);
});

test('run takes rules from a file, and refuses a bad rule with its place', async () => {
  const folder = readableFolder();
  writeFileSync(join(folder, 'rules.yaml'), 'allow:\n  - api.example.com\n  - "api.*.com"\n');
  const { status, stderr } = await postern(['run', '--rules', 'rules.yaml', '--', 'echo', 'ran'], {
    as: anyone,
    cwd: folder,
  });
  assert.equal(status, 125);
  assert.match(
    stderr,
    /^postern: rules\.yaml:3:5: allow\[1\]: The rule "api\.\*\.com" has a wildcard inside/,
  );
});
