// A reload changes what a plugin may do, while the run that it ends, or goes on with, sees and writes what its start gave it. Such a run must not
// gain by what is new.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

/** Says what it sees, and sends that again and again. It ignores SIGTERM. Told so, it writes a rule for itself. */
const HOSTILE = `
import os, signal, socket, sys, time
port, see, rules, go = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: print("told to end", flush=True))
sees = open(see).read() if os.path.exists(see) else "nothing"
print("sees", sees, flush=True)
tries = 0
while True:
    if os.path.exists(go):
        try:
            with open(rules, "w") as file:
                file.write('allow: ["127.0.0.1:%s"]' % port)
            print("wrote", flush=True)
        except OSError:
            print("wrote nothing", flush=True)
        tries += 1
    try:
        with socket.create_connection(("127.0.0.1", int(port))) as sock:
            sock.sendall(sees.encode())
        print("sent", sees, flush=True)
    except OSError:
        pass
    print("tried", tries, flush=True)
    time.sleep(0.05)
`;

interface Up {
  readonly folder: string;
  readonly said: () => string;
  readonly next: (words: RegExp) => Promise<void>;
  readonly write: (plugins: object) => void;
  readonly reload: () => Promise<string>;
  readonly ask: (...words: readonly string[]) => ReturnType<typeof postern>;
}

/** The folder `data` is the plugins' to write. */
async function startUp(t: TestContext, user: User, plugins: (folder: string) => object): Promise<Up> {
  const folder = readableFolder();
  const control = join(folder, 'c.sock');
  for (const name of ['data', 'secret', 'homes']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'secret/key'), 'SECRET');
  writeFileSync(join(folder, 'data/rules.yaml'), 'allow: []\n');
  for (const name of ['', 'data', 'secret', 'homes', 'secret/key', 'data/rules.yaml'])
    chownTo(user, join(folder, name));
  const write = (next: object): void =>
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins: next }));
  write(plugins(folder));
  const { child, said } = startPostern(['up', '--control', control], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  const ask: Up['ask'] = (...words) => postern([...words, '--control', control], { as: user });
  return {
    folder,
    write,
    ask,
    said,
    next: async (words) => {
      const known = said().length;
      await until(() => words.test(said().slice(known)) || undefined);
    },
    reload: async () => {
      const { stdout, stderr } = await ask('reload');
      return stdout + stderr;
    },
  };
}

const hostile = (folder: string, port: number, more: object): object => ({
  command: [
    ...['/usr/bin/python3', '-c', HOSTILE, String(port)],
    ...['secret/key', 'data/rules.yaml', 'data/go'].map((name) => join(folder, name)),
  ],
  cwd: '/usr',
  stop: { grace_ms: 1000 },
  ...more,
});

for (const user of userInTurn(0)) {
  // proves: a run that ends for a reload gets no new rule
  // proves: nothing of a reload starts before the runs have ended that it ends
  test(`a run that a reload ends gets none of its new rules (${user})`, async (t) => {
    const server = await listen();
    t.after(() => server.close());
    const up = await startUp(t, user, (folder) => ({
      hostile: hostile(folder, server.port, { filesystem: { visible: [join(folder, 'secret')] } }),
    }));
    await until(() => up.said().includes('sees SECRET') || undefined);
    await until(() => up.said().includes('tried') || undefined);
    up.write({
      hostile: hostile(up.folder, server.port, { allow: [`127.0.0.1:${server.port}`] }),
      added: { command: ['/bin/echo', 'added runs'] },
    });
    assert.match(await up.reload(), /hostile/);
    await until(() => up.said().includes('sent nothing') || undefined);
    await until(() => up.said().includes('added runs') || undefined);
    assert.match(up.said(), /told to end.*ended with signal 9.*added runs/s, 'all else starts afterwards');
    await server.allConnections();
    assert.match(server.heard(), /^(nothing)+$/);
  });
}

for (const user of userInTurn(1)) {
  // proves: a file that a reload reads lies where no run could write it
  test(`a run writes no rules that a reload takes from its folder (${user})`, async (t) => {
    const server = await listen();
    t.after(() => server.close());
    const config = (folder: string, more: object): object => ({
      hostile: hostile(folder, server.port, {
        filesystem: { writable: [join(folder, 'data')] },
        ...more,
      }),
    });
    const up = await startUp(t, user, (folder) => config(folder, {}));
    await until(() => up.said().includes('tried') || undefined);
    const presets = { presets: [join(up.folder, 'data/rules.yaml')] };
    up.write(config(up.folder, presets));
    const refused = await up.reload();
    writeFileSync(join(up.folder, 'data/go'), '');
    await up.next(/tried [1-9]/);
    await up.reload();
    await up.next(/tried.*tried/s);
    assert.equal(await server.allConnections(), 0, up.said());
    assert.match(refused, /data\/rules\.yaml" would be postern's own.*copy the file/s);
    // Another plugin may have the file open, whether this one runs or not.
    await up.ask('stop', 'hostile');
    // It may have been ended between its open(2) and its write(2).
    writeFileSync(join(up.folder, 'data/rules.yaml'), 'allow: []\n');
    assert.match(await up.reload(), /data\/rules\.yaml" would be postern's own/);
    writeFileSync(join(up.folder, 'rules.yaml'), 'allow: []\n');
    up.write(config(up.folder, { presets: [join(up.folder, 'rules.yaml')] }));
    assert.doesNotMatch(await up.reload(), /would be/);
    assert.equal(await server.allConnections(), 0, up.said());
  });
}

for (const user of userInTurn(2)) {
  // proves: home: one that a reload adds shows in no sandbox that runs
  // proves: home: one that is made anew shows in no sandbox that runs
  test(`a run sees no home that is made while it runs (${user})`, async (t) => {
    const reads = (folder: string): object => ({
      command: [
        ...['/bin/sh', '-c'],
        `while :; do cat ${folder}/homes/keeps/token 2>/dev/null; echo looked; sleep 0.05; done`,
      ],
      cwd: '/usr',
      filesystem: { visible: [join(folder, 'homes')] },
    });
    const keeps = (folder: string): object => ({
      command: ['/bin/sh', '-c', 'umask 077; echo SECRET >~/token; echo kept; sleep 1000'],
      cwd: '/usr',
      home: join(folder, 'homes/keeps'),
    });
    const up = await startUp(t, user, (folder) => ({ reads: reads(folder) }));
    const look = async (): Promise<void> => {
      await up.next(/looked.*looked/s);
      assert.doesNotMatch(up.said(), /SECRET/);
    };
    await look();
    up.write({ reads: reads(up.folder), keeps: keeps(up.folder) });
    const refused = await up.reload();
    await look();
    assert.match(refused, /homes\/keeps" is made now, and the plugin "reads", which runs, would see it/);
    await up.ask('stop', 'reads');
    await up.reload();
    await up.ask('start', 'reads');
    await until(() => up.said().includes('kept') || undefined);
    await look();
    // Somebody resets it.
    await up.ask('stop', 'keeps');
    rmSync(join(up.folder, 'homes/keeps'), { recursive: true });
    await up.ask('start', 'keeps');
    await until(() => /Cannot keep a home|kept.*kept/s.test(up.said()) || undefined);
    await look();
    assert.match(up.said(), /Cannot keep a home for "keeps": .*which runs, would see it; stop "reads" first/);
  });
}
