// The files of MCP clients: only the servers change, and what is around them stays byte for byte.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addServer, unwrapServers, wrapServers } from '../../sandbox/cli/mcp.js';
import { readableFolder } from '../harness/users.js';

const POSTERN = '/usr/bin/postern';
/** The path of the client's file. */
const AT = '/nowhere/project/mcp.json';
const NONE = { allow: [], deny: [], preset: [], visible: [], writable: [] };

const FILE = `{
    // servers of this project
    "mcpServers": {
        "everything": {
            "command": "npx",
            "args": ["--yes", "@modelcontextprotocol/server-everything"],
            "env": {"API_KEY": "text", "LISTEN_FDS": "1"}, // kept
            "disabled": false
        },
        "remote": {"url": "https://mcp.example.com/"},
        "bare": {"command": "/opt/server"},
    },
    "novel": [1,  2]
}
`;

test('postern run stands before each server that a client starts, and all else is as it was', () => {
  const { text, changes, remarks } = wrapServers(FILE, undefined, NONE, POSTERN, AT);
  assert.deepEqual(
    changes.map(({ name, after }) => [name, after.command, ...after.args].join(' ')),
    [
      `everything ${POSTERN} run --name everything --preset npm --env API_KEY -- npx --yes @modelcontextprotocol/server-everything`,
      `bare ${POSTERN} run --name bare -- /opt/server`,
    ],
  );
  assert.deepEqual(remarks, ['remote: no program is started for it']);
  for (const kept of ['// servers of this project', '// kept', '"novel": [1,  2]', '"disabled": false'])
    assert.ok(text.includes(kept), text);
  assert.doesNotMatch(text, /--env", "LISTEN_FDS/);
});

// proves: gateway: no key stays in the file of a client, which its server may read
test('a gateway is for one server, whose key is not in the file of its client', () => {
  const gateway = join(readableFolder(), 'gateway.yaml');
  writeFileSync(
    gateway,
    `secrets: {key: {file: /home/ada/key}}
gateway: {api.example.com: {placeholder: {name: API_KEY, secret: key, in: [authorization]}}}
`,
  );
  const file = FILE.replace('"API_KEY": "text", ', '');
  const options = { ...NONE, allow: ['api.example.com'], gateway };
  assert.throws(
    () => wrapServers(file, undefined, options, POSTERN, AT),
    /Several servers would get this gateway/,
  );
  assert.throws(() => wrapServers(FILE, ['everything'], options, POSTERN, AT), /has API_KEY in its env/);
  const { text, changes } = wrapServers(file, ['everything'], options, POSTERN, AT);
  assert.deepEqual(changes[0]?.after.args, [
    ...['run', '--name', 'everything', '--preset', 'npm', '--allow', 'api.example.com'],
    ...['--gateway', gateway, '--', 'npx', '--yes', '@modelcontextprotocol/server-everything'],
  ]);
  // Other rules would leave it out, and the server would reach the host directly.
  const others = { ...NONE, allow: ['other.example.com'] };
  assert.throws(
    () => wrapServers(text, ['everything'], others, POSTERN, AT),
    /has a gateway, which these options leave out/,
  );
  assert.equal(wrapServers(text, ['everything'], NONE, POSTERN, AT).text, text);
  assert.equal(wrapServers(text, ['everything'], options, POSTERN, AT).text, text);
});

test('undo gives each server its command again', () => {
  const { text } = wrapServers(FILE, undefined, NONE, POSTERN, AT);
  const back = unwrapServers(text);
  assert.deepEqual(
    back.changes.map(({ name, after }) => [name, after.command, ...after.args].join(' ')),
    ['everything npx --yes @modelcontextprotocol/server-everything', 'bare /opt/server'],
  );
  assert.deepEqual(unwrapServers(FILE).changes, []);
  assert.match(back.text, /"env": \{"API_KEY": "text", "LISTEN_FDS": "1"\}/);
});

test('a server that runs under postern is left alone, unless other rules are given for it', () => {
  const once = wrapServers(FILE, ['everything'], { ...NONE, allow: ['a.example.com'] }, POSTERN, AT).text;
  const again = wrapServers(once, ['everything'], NONE, POSTERN, AT);
  assert.equal(again.text, once);
  assert.deepEqual(again.remarks, [
    `everything: runs under postern already, with the options of its entry: ${POSTERN} run --name everything --preset npm --allow a.example.com --env API_KEY -- npx --yes @modelcontextprotocol/server-everything`,
  ]);
  const other = wrapServers(once, ['everything'], { ...NONE, allow: ['b.example.com'] }, POSTERN, AT);
  assert.deepEqual(other.changes[0]?.after.args.slice(0, 9), [
    ...['run', '--name', 'everything', '--preset', 'npm', '--allow', 'b.example.com'],
    ...['--env', 'API_KEY'],
  ]);
  assert.equal(other.text.match(/"--name"/g)?.length, 1);
});

test('files that a command names are visible, but never the home directory or what holds it', () => {
  const named = (path: string): string =>
    JSON.stringify({ servers: { files: { command: 'node', args: [path] } } });
  const options = (path: string): readonly string[] | undefined =>
    wrapServers(named(path), undefined, NONE, POSTERN, AT).changes[0]?.after.args.slice(0, 5);
  const own = process.argv[1] ?? '';
  assert.deepEqual(options(own)?.slice(3), ['--visible', own.slice(0, own.lastIndexOf('/'))]);
  for (const path of ['/', process.env['HOME'] ?? '/root', '/etc/passwd', '/nowhere', 'relative.js'])
    assert.deepEqual(options(path)?.slice(3), ['--', 'node'], path);
});

test('a server is added where the file has its servers', () => {
  for (const [text, path] of [
    ['{}\n', ['mcpServers']],
    ['{"servers": {"a": {"command": "x"}}}', ['servers']],
    ['{"mcp": {"servers": {}}, "editor.tabSize": 2}', ['mcp', 'servers']],
  ] as const) {
    const made = addServer(text, 'files', ['node', 'x.js'], NONE, POSTERN, AT);
    let at = JSON.parse(made.text) as Record<string, unknown>;
    for (const key of path) at = at[key] as Record<string, unknown>;
    assert.deepEqual(at['files'], {
      command: POSTERN,
      args: ['run', '--name', 'files', '--', 'node', 'x.js'],
    });
  }
  assert.throws(
    () => addServer(FILE, 'everything', ['x'], NONE, POSTERN, AT),
    /There is a server "everything" already/,
  );
  assert.throws(
    () => addServer(FILE, 'remote', ['x'], NONE, POSTERN, AT),
    /There is a server "remote" already/,
  );
});

test('what is no file of a client is refused', () => {
  for (const [text, message] of [
    ['{"a": }', /is no JSON: \w+ in line 1/],
    ['[]', /has no servers/],
    ['{"mcpServers": []}', /has no servers/],
    ['{"mcpServers": {}}', /There is no server "x"/],
  ] as const)
    assert.throws(() => wrapServers(text, ['x'], NONE, POSTERN, AT), message);
  const odd = wrapServers(
    '{"mcpServers": {"a": {"command": "x", "args": [1]}, "b": 3}}',
    undefined,
    NONE,
    POSTERN,
    AT,
  );
  assert.deepEqual(odd.remarks, ['a: its args are no list of strings', 'b: no program is started for it']);
});

/** What a client reads. */
function entryOf(text: string, name: string): Readonly<Record<string, unknown>> {
  return (JSON.parse(text) as { mcpServers: Record<string, Record<string, unknown>> }).mcpServers[name] ?? {};
}

// proves: mcp: a file in a home directory does not show it
test('of a file in a home directory, the file alone is visible', (t) => {
  const home = readableFolder();
  const [former, file] = [process.env['HOME'], join(home, 'server.js')];
  writeFileSync(file, '');
  process.env['HOME'] = home;
  t.after(() => {
    process.env['HOME'] = former;
  });
  const text = JSON.stringify({ servers: { a: { command: 'node', args: [file] } } });
  const [change] = wrapServers(text, undefined, NONE, POSTERN, AT).changes;
  assert.deepEqual(change?.after.args, [...['run', '--name', 'a', '--visible', file, '--', 'node', file]]);
});

// proves: mcp: variables of the server are none of postern's
test('the variables of a server are given to it, and not to postern', () => {
  const file =
    '{"mcpServers": {"a": {"command": "x", "env": {"LD_PRELOAD": "./x.so", "BASH_FUNC_read%%": "y"}}}}';
  const { text } = wrapServers(file, undefined, NONE, POSTERN, AT);
  assert.deepEqual(entryOf(text, 'a')['env'], {
    POSTERN_OUTSIDE_LD_PRELOAD: './x.so',
    'POSTERN_OUTSIDE_BASH_FUNC_read%%': 'y',
  });
  assert.deepEqual(entryOf(text, 'a')['args'], ['run', '--name', 'a', '--env', 'LD_PRELOAD', '--', 'x']);
  assert.equal(wrapServers(text, undefined, NONE, POSTERN, AT).text, text);
  assert.deepEqual(entryOf(unwrapServers(text).text, 'a')['env'], entryOf(file, 'a')['env']);
});

// proves: mcp: no file of variables acts on postern
test('a server with a file of variables is refused', () => {
  const file = '{"servers": {"a": {"command": "x", "envFile": ".env"}, "b": {"command": "y"}}}';
  assert.throws(() => wrapServers(file, undefined, NONE, POSTERN, AT), /"a" has an envFile/);
  assert.equal(wrapServers(file, ['b'], NONE, POSTERN, AT).changes.length, 1);
});

// proves: mcp: a program that is called postern is not taken for it
test('a program that is called postern is not taken for it', () => {
  const file = '{"mcpServers": {"a": {"command": "./postern", "args": ["run", "--", "x"]}}}';
  const { text, changes } = wrapServers(file, undefined, NONE, POSTERN, AT);
  assert.equal(changes.length, 1);
  assert.deepEqual(entryOf(text, 'a'), { command: POSTERN, args: ['run', '--', 'x'] });
});

// proves: mcp: a key that stands twice is refused
test('a file of which clients could read another part than the one that is edited is refused', () => {
  for (const file of [
    '{"mcpServers": {"a": {"command": "x", "command": "y"}}}',
    '{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}',
    '{"mcpServers": {}, "mcpServers": {"a": {"command": "y"}}}',
    '{"mcpServers": {"__proto__": {"command": "y"}}}',
    '{"mcpServers": {"a": {"command": "x", "env": {"A": "1",\n"\\u0041": "2"}}}}',
  ])
    assert.throws(
      () => wrapServers(file, undefined, NONE, POSTERN, AT),
      /Clients may differ about the key "\S+" in line [12]: it stands twice in its map, or is __proto__/,
    );
});

// proves: mcp: the servers of each place count
test('each server that some client would start is put under postern', () => {
  const file =
    '{"mcpServers": {"a": {"command": "x", "url": "https://example.com/"}}, "servers": {"b": {"command": "y"}}}';
  const { changes } = wrapServers(file, undefined, NONE, POSTERN, AT);
  assert.deepEqual(
    changes.map(({ name }) => name),
    ['a', 'b'],
  );
});

// proves: mcp: no server writes the file of its client
test('the file of the client is hidden from a server that could write it', () => {
  const file = '{"mcpServers": {"a": {"command": "x"}}}';
  const argsFor = (writable: string): unknown =>
    wrapServers(file, undefined, { ...NONE, writable: [writable] }, POSTERN, AT).changes[0]?.after.args;
  assert.deepEqual(argsFor('/nowhere'), [
    ...['run', '--name', 'a', '--writable', '/nowhere', '--hidden', AT, '--', 'x'],
  ]);
  assert.deepEqual(argsFor('/nowhere/project/data'), [
    ...['run', '--name', 'a', '--writable', '/nowhere/project/data', '--', 'x'],
  ]);
  assert.throws(
    () => wrapServers(file, undefined, { ...NONE, home: '/nowhere/project' }, POSTERN, AT),
    /The home "\/nowhere\/project" holds "\/nowhere\/project\/mcp\.json"/,
  );
});
