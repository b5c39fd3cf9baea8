// Rules for UNIX sockets of the host, by the channel and by a program's own connect(2): a server of the host hears exactly what a rule permits.
import assert from 'node:assert/strict';
import { chmodSync, renameSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { inTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { readableFolder, type User, users } from '../harness/users.js';

/** Connects to each word by the channel, and prints what comes back: a line of JSON for each. */
const PROGRAM = `${PYTHON_CHANNEL}
import json
channel = Channel.from_environment()
for word in sys.argv[1:]:
    try:
        connection = channel.connect(word, 0, 5000)
        connection.sendall(b"ping")
        connection.shutdown(socket.SHUT_WR)
        text = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
        print(json.dumps({"text": text, "name": connection.getsockname().decode("latin-1") != ""}))
    except ConnectError as error:
        print(json.dumps({"errno": error.name, "reason": error.reason, "suggestion": error.suggestion, "message": str(error)}))
`;
interface Answer {
  readonly text?: string;
  readonly name?: boolean;
  readonly errno?: string;
  readonly reason?: string;
  readonly suggestion?: string | null;
  readonly message?: string;
}

const folder = readableFolder();
const servers: Server[] = [];
const heard: string[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** A server of the host that answers with its name. @returns the rule for it */
async function serve(name: string, mode = 0o777): Promise<string> {
  const path = join(folder, name);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    heard.push(name);
    socket
      .on('error', () => {})
      .resume()
      .end(name);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, mode);
  return `unix:${path}`;
}

interface Run {
  readonly answers: readonly Answer[];
  readonly stderr: string;
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

/** Without `--audit -`, stderr has the lines for the terminal instead of the events. */
async function run(user: User, options: readonly string[], words: readonly string[]): Promise<Run> {
  const command = ['/usr/bin/python3', '-c', PROGRAM, ...words];
  const { status, stdout, stderr } = await postern(['run', ...options, '--', ...command], {
    as: user,
  });
  assert.equal(status, 0, stderr);
  const linesOf = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('{'));
  return {
    answers: linesOf(stdout).map((line) => JSON.parse(line)),
    stderr,
    events: linesOf(stderr).map((line) => JSON.parse(line)),
  };
}

for (const user of users) {
  const of = (name: string): string => `${user}-${name}.sock`;

  // proves: a handed-over socket has a name already
  test(`a socket of the host hears exactly what a rule names (${user})`, async () => {
    const open = await serve(of('open'));
    const shut = await serve(of('shut'));
    const denied = await serve(of('denied'));
    const options = [
      '--allow',
      open,
      '--allow',
      denied,
      '--deny',
      denied,
      '--allow',
      '*',
      '--allow',
      '@private',
    ];
    const spelling = open.replace(folder, `${folder}/.`);
    const { answers, events } = await run(
      user,
      [...options, '--audit', '-'],
      [open, shut, denied, spelling, `${open}/../x`],
    );
    assert.deepEqual(answers[0], { text: of('open'), name: true });
    assert.deepEqual(
      answers.slice(1).map(({ errno, reason, suggestion }) => [errno, reason, suggestion]),
      [
        ['EACCES', 'no_rule', shut],
        ['EACCES', 'denied_by_rule', null],
        ['EACCES', 'malformed_host', null],
        ['EACCES', 'malformed_host', null],
      ],
    );
    assert.deepEqual(
      heard.filter((name) => name.startsWith(`${user}-`)),
      [of('open')],
    );
    const told = await run(user, [], [shut]);
    assert.ok(told.stderr.includes(`no rule allows "${shut}"; to allow it: --allow '${shut}'`), told.stderr);
    const event = events.find(({ decision }) => decision === 'allow') ?? {};
    const { door, host, port, rule, dialed, outcome } = event;
    assert.deepEqual(
      { door, host, port, rule, dialed, outcome },
      { door: 'channel', host: open, port: 0, rule: open, dialed: open.slice(5), outcome: 'connected' },
    );
  });

  if (inTurn(user, 0))
    test(`mode audit opens no socket, and learn names the rule that would (${user})`, async () => {
      const open = await serve(of('audit'));
      const { answers } = await run(user, ['--mode', 'audit'], [open]);
      assert.equal(answers[0]?.reason, 'no_rule');
      const command = ['/usr/bin/python3', '-c', PROGRAM, open];
      const { stderr } = await postern(['learn', '--json', '--', ...command], { as: user });
      const report = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
      assert.deepEqual(report.allow, []);
      assert.equal(report.refused[0]?.suggestion, open);
      assert.ok(!heard.includes(of('audit')));
    });

  if (inTurn(user, 1))
    test(`what fails says why, to the operator with the uid that lacks permission (${user})`, async () => {
      const shut = await serve(of('private'), 0o700);
      const gone = `unix:${join(folder, of('gone'))}`;
      const options = ['--allow', shut, '--allow', gone];
      const { answers, stderr } = await run(user, options, [shut, gone]);
      assert.deepEqual(
        answers.map(({ errno, reason }) => [errno, reason]),
        [
          ['EACCES', 'unreachable'],
          ['ENOENT', 'unreachable'],
        ],
      );
      assert.match(answers[0]?.message ?? '', /postern has no permission for it$/);
      const uid = /uid (\d+) needs write permission for it/.exec(stderr)?.[1];
      assert.ok(uid !== undefined && uid !== '0', stderr);
      assert.match(stderr, /nothing is at this path$/m);
      const { events } = await run(user, [...options, '--audit', '-'], [shut, gone]);
      assert.deepEqual(
        events.map(({ event, outcome, reason }) => [event, outcome ?? reason]),
        [
          ['decision', 'unreachable'],
          ['decision', 'unreachable'],
          ['failed', 'unreachable'],
          ['failed', 'unreachable'],
        ],
      );
      assert.ok(!heard.includes(of('private')));
    });

  // proves: a rule for a socket that a plugin could replace is refused
  test(`a socket that the plugin could replace refuses the start (${user})`, async () => {
    const writable = readableFolder();
    const options = ['--allow', `unix:${join(writable, 'x.sock')}`, '--writable', writable];
    const { status, stderr } = await postern(['run', ...options, '--', 'true'], { as: user });
    assert.equal(status, 125);
    assert.match(
      stderr,
      /^postern: Cannot start "true": the rule "unix:.*" leads through .* put another socket there/,
    );
  });

  test(`a path that a link has taken leads to no denied socket (${user})`, async () => {
    const secret = await serve(of('secret'));
    const taken = await serve(of('taken'));
    const path = join(folder, of('taken'));
    renameSync(path, `${path}.old`);
    symlinkSync(join(folder, of('secret')), path);
    const { answers } = await run(user, ['--allow', taken, '--deny', secret], [taken]);
    assert.equal(answers[0]?.errno, 'ELOOP', JSON.stringify(answers));
    assert.ok(!heard.includes(of('secret')));
  });
}

/** Connects to each path as any program does, and prints what comes back. */
const PLAIN = `import errno, json, os, socket, sys
os.chdir("/")
for path in sys.argv[1:]:
    for blocking in (True, False):
        plain = socket.socket(socket.AF_UNIX)
        plain.setblocking(blocking)
        plain.settimeout(5 if blocking else 0)
        try:
            plain.connect(path)
            plain.setblocking(True)
            plain.shutdown(socket.SHUT_WR)
            print(json.dumps({"text": b"".join(iter(lambda: plain.recv(4096), b"")).decode()}))
        except OSError as error:
            print(json.dumps({"errno": errno.errorcode[error.errno]}))
`;

for (const user of users) {
  test(`a program's own connect reaches exactly what a rule names (${user})`, async () => {
    const open = await serve(`${user}-plain.sock`);
    const shut = await serve(`${user}-plain-shut.sock`);
    const path = open.slice('unix:'.length);
    const shown = shut.slice('unix:'.length);
    const words = [path, path.slice(1), path.replace(folder, `${folder}/.`), shown];
    const command = ['/usr/bin/python3', '-c', PLAIN, ...words];
    const { status, stdout, stderr } = await postern(
      ['run', '--allow', open, '--visible', folder, '--', ...command],
      { as: user },
    );
    assert.equal(status, 0, stderr);
    const [text, refused] = [{ text: `${user}-plain.sock` }, { errno: 'EACCES' }];
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      [text, text, text, text, text, text, refused, refused],
    );
    assert.ok(stderr.includes(`no rule allows "${shut}"; to allow it: --allow '${shut}'`), stderr);
    assert.ok(!heard.includes(`${user}-plain-shut.sock`));
  });
}
