// What postern says at a terminal that the program uses too: on lines of its own, and at the end what a newcomer may have stumbled over.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile, readableFolder, type User } from '../harness/users.js';

const driver = readableFile(
  'at-terminal.py',
  readFileSync(new URL('at-terminal.py', import.meta.url), 'utf8'),
);

/** @returns the lines of the terminal */
async function atTerminal(
  as: User,
  folder: string,
  words: readonly string[],
): Promise<{ readonly lines: readonly string[]; readonly status: number | null }> {
  const { stdout, status } = await postern(words, { as, through: ['/usr/bin/python3', driver, folder] });
  return { lines: stdout.replaceAll('\r', '').split('\n'), status };
}

for (const user of userInTurn(0))
  test(`a line of postern's is a line of its own, also where the program has begun one and leaves it (${user})`, async () => {
    const refused = 'curl -s http://198.51.100.7/';
    const script = `printf 'whole '; ${refused}; echo line; printf 'a prompt: '; ${refused.replace('.7', '.8')}; sleep 2; printf 'and the end'; exit 3`;
    const { lines, status } = await atTerminal(user, readableFolder(), ['run', '--', 'sh', '-c', script]);
    assert.equal(status, 3);
    const own = lines.filter((line) => line.includes('postern: '));
    assert.equal(own.length, 4, lines.join('\n'));
    for (const line of own) assert.match(line, /^(\x1b\[33m)?postern: /);
    const text = lines.filter((line) => !own.includes(line)).join('\n');
    assert.equal(text.replace('whole \nline', 'whole line'), 'whole line\na prompt: \nand the end\n');
  });

for (const user of userInTurn(1)) {
  test(`a write into a read-only folder is told with the option, at the end, where the program says so (${user})`, async () => {
    const folder = readableFolder();
    const failed = await atTerminal(user, folder, ['run', '--', 'touch', 'made']);
    assert.equal(failed.status, 1);
    assert.deepEqual(failed.lines, [
      "touch: cannot touch 'made': Read-only file system",
      `postern: the program sees "${folder}" read-only; to let it write here: --writable .`,
      '',
    ]);
    const script = 'require("fs").mkdirSync("made/one", { recursive: true })';
    const node = ['run', '--', process.execPath, '-e', script];
    assert.equal((await atTerminal(user, folder, node)).lines.at(-2), failed.lines[1]);
    const elsewhere = ['run', '--writable', '.', '--', 'touch', '/usr/made'];
    assert.equal(
      (await atTerminal(user, folder, elsewhere)).lines.at(-2),
      'postern: the program sees files of this host read-only; to let it write to a folder: --writable PATH',
    );
    const said = ['run', '--', 'sh', '-c', 'echo Read-only file system'];
    assert.deepEqual((await atTerminal(user, folder, said)).lines, ['Read-only file system', '']);
  });

  test(`an empty home and a file in /tmp that is gone are told at a terminal, and nothing where all was well (${user})`, async () => {
    const home =
      'postern: "/home" is a home directory or above one, so the program saw none of its files, and began in /tmp; start it from a folder below, or show this one: --visible /home';
    assert.deepEqual((await atTerminal(user, '/home', ['run', '--', 'ls'])).lines, [home, '']);
    assert.deepEqual((await atTerminal(user, '/home', ['run', '--', 'echo', 'well'])).lines, ['well', '']);
    const refused = ['run', '--', 'curl', '-s', 'http://198.51.100.7/'];
    const [first = '', ...more] = (await atTerminal(user, '/home', refused)).lines;
    assert.match(first, /^postern: .*Cannot connect to "198\.51\.100\.7:80"/);
    assert.deepEqual(more, [''], 'the cause is known');
    const folder = readableFolder();
    const gone = ['run', '--', 'cp', '/etc/passwd', '/tmp/postern-no-such-file'];
    assert.deepEqual((await atTerminal(user, folder, gone)).lines, [
      'postern: "/tmp/postern-no-such-file" was in a /tmp of the program\'s own, which is gone; to keep what it writes, name a folder of this host: --writable PATH',
      '',
    ]);
    // Elsewhere nobody knows what the program wrote, and a script reads stderr.
    const piped = await postern(gone, { as: user, cwd: folder });
    assert.deepEqual([piped.status, piped.stderr], [0, '']);
    const failed = await postern(['run', '--', 'false'], { as: user, cwd: '/home' });
    assert.deepEqual([failed.status, failed.stderr], [1, '']);
  });
}
