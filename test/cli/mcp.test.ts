// The files of MCP clients: only the servers change, and what is around them stays byte for byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addServer, unwrapServers, wrapServers } from '../../sandbox/cli/mcp.js';

const POSTERN = '/usr/bin/postern';
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
  const { text, changes, remarks } = wrapServers(FILE, undefined, NONE, POSTERN);
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

test('undo gives each server its command again', () => {
  const { text } = wrapServers(FILE, undefined, NONE, POSTERN);
  const back = unwrapServers(text);
  assert.deepEqual(
    back.changes.map(({ name, after }) => [name, after.command, ...after.args].join(' ')),
    ['everything npx --yes @modelcontextprotocol/server-everything', 'bare /opt/server'],
  );
  assert.deepEqual(unwrapServers(FILE).changes, []);
});

test('a server that runs under postern is left alone, unless other rules are given for it', () => {
  const once = wrapServers(FILE, ['everything'], { ...NONE, allow: ['a.example.com'] }, POSTERN).text;
  const again = wrapServers(once, ['everything'], NONE, POSTERN);
  assert.equal(again.text, once);
  assert.deepEqual(again.remarks, ['everything: runs under postern already']);
  const other = wrapServers(once, ['everything'], { ...NONE, allow: ['b.example.com'] }, POSTERN);
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
    wrapServers(named(path), undefined, NONE, POSTERN).changes[0]?.after.args.slice(0, 5);
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
    const made = addServer(text, 'files', ['node', 'x.js'], NONE, POSTERN);
    let at = JSON.parse(made.text) as Record<string, unknown>;
    for (const key of path) at = at[key] as Record<string, unknown>;
    assert.deepEqual(at['files'], {
      command: POSTERN,
      args: ['run', '--name', 'files', '--', 'node', 'x.js'],
    });
  }
  assert.throws(
    () => addServer(FILE, 'everything', ['x'], NONE, POSTERN),
    /There is a server "everything" already/,
  );
  assert.throws(() => addServer(FILE, 'remote', ['x'], NONE, POSTERN), /There is a server "remote" already/);
});

test('what is no file of a client is refused', () => {
  for (const [text, message] of [
    ['{"a": }', /is no JSON: \w+ in line 1/],
    ['[]', /has no servers/],
    ['{"mcpServers": []}', /has no servers/],
    ['{"mcpServers": {}}', /There is no server "x"/],
  ] as const)
    assert.throws(() => wrapServers(text, ['x'], NONE, POSTERN), message);
  const odd = wrapServers(
    '{"mcpServers": {"a": {"command": "x", "args": [1]}, "b": 3}}',
    undefined,
    NONE,
    POSTERN,
  );
  assert.deepEqual(odd.remarks, ['a: its args are no list of strings', 'b: no program is started for it']);
});
