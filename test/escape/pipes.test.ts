// A plugin writes into no named pipe (fifo(7)) and no device of the host that it sees read-only: below its own /tmp, /run and /var too, where
// Landlock allows all. The judge is a reader outside.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { twin, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder, type User } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const PROGRAM = `
import errno, os, sys
for path in sys.argv[1:]:
    for flags in (os.O_WRONLY | os.O_NONBLOCK, os.O_RDWR | os.O_NONBLOCK, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK):
        try:
            os.write(os.open(path, flags), b"out")
            print("ok")
        except OSError as error:
            print(errno.errorcode[error.errno])`;
const isRoot = process.geteuid?.() === 0;
/** /dev/full: to write it is ENOSPC, so an open that succeeds is seen. */
const FULL = ['c', '1', '7'];

interface Seen {
  readonly outcomes: readonly string[];
  readonly heard: string;
}

async function look(user: User, egress: string, dist?: string): Promise<Seen> {
  const top = readableFolder();
  const folder = join(top, 'shown');
  mkdirSync(folder);
  const pipe = join(folder, 'pipe');
  const device = join(folder, 'device');
  assert.equal(spawnSync('mkfifo', ['-m', '666', pipe]).status, 0);
  if (isRoot) {
    assert.equal(spawnSync('mknod', ['-m', '666', device, ...FULL]).status, 0);
    chmodSync(folder, 0o755);
  }
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  after(() => rmSync(top, { recursive: true, force: true }));
  try {
    const { stdout, stderr } = await postern(
      [
        ...['run', '--egress', egress, '--visible', folder, '--audit', '/dev/null'],
        ...['--', '/usr/bin/python3', '-c', PROGRAM, pipe, ...(isRoot ? [device] : [])],
      ],
      { as: user, ...(dist === undefined ? {} : { dist }) },
    );
    assert.notEqual(stdout, '', stderr);
    const bytes = new Uint8Array(64);
    const count = readSync(reader, bytes);
    return {
      outcomes: stdout.trimEnd().split('\n'),
      heard: Buffer.from(bytes.subarray(0, count)).toString(),
    };
  } finally {
    closeSync(reader);
  }
}

// proves: as root, files of an exposed tree have no group that the plugin could write by
// proves: as a user, the pipes of an exposed tree are covered
for (const [turn, egress] of ['transparent', 'channel'].entries()) {
  for (const user of userInTurn(turn))
    test(`a pipe and a device of the host in a visible folder take nothing (${egress}, ${user})`, async () => {
      const { outcomes, heard } = await look(user, egress);
      assert.deepEqual(
        outcomes.filter((outcome) => outcome !== 'EACCES' && outcome !== 'EROFS'),
        [],
      );
      assert.equal(heard, '');
    });
}

for (const user of userInTurn(1)) {
  // proves: pipes that are too many to mask are masked with their folder
  test(`of very many pipes none takes anything, and the start goes on (${user})`, async () => {
    const folder = readableFolder();
    const make = `cd ${folder}; umask 0; mkdir -m 755 many other; seq 1 1500 | sed 's,^,many/,' | xargs mkfifo; mkfifo other/one; echo here >other/file`;
    assert.equal(spawnSync('sh', ['-c', make]).status, 0);
    const pipes = ['many/1', 'many/1500', 'other/one'].map((name) => join(folder, name));
    const readers = pipes.map((pipe) => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK));
    const program = `${PROGRAM}\nprint(open("${folder}/other/file").read(), end="")`;
    const { stdout, stderr } = await postern(
      ['run', '--visible', folder, '--', '/usr/bin/python3', '-c', program, ...pipes],
      { as: user },
    );
    const heard = readers.map((reader) => readSync(reader, new Uint8Array(8)));
    for (const reader of readers) closeSync(reader);
    rmSync(folder, { recursive: true });
    assert.deepEqual(heard, [0, 0, 0], stdout);
    assert.doesNotMatch(stdout, /ok/);
    assert.match(stdout, /here\n$/, stderr);
    // As root the tree's ids are nobody's, which closes every pipe.
    if (user === 'user') assert.match(stderr, /many" is hidden: it has pipes .* more than 1000/);
  });

  // proves: a pipe whose name is no UTF-8 is masked with its folder
  test(`a pipe whose name is no UTF-8, or whose folder's name is none, takes nothing (${user})`, async () => {
    const folder = readableFolder();
    const make = `cd ${folder}; mkdir -m 755 a "$(printf 'd\\351')"; mkfifo -m 666 "a/$(printf 'p\\351')" "$(printf 'd\\351')/x"`;
    assert.equal(spawnSync('sh', ['-c', make]).status, 0);
    writeFileSync(join(folder, 'a/file'), '');
    const pipes = ['a/p\xe9', 'd\xe9/x'].map((name) => Buffer.from(`${folder}/${name}`, 'latin1'));
    const readers = pipes.map((pipe) => openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK));
    const program = `
import os
for root, folders, files in os.walk(b"${folder}"):
    for name in files:
        try: os.write(os.open(os.path.join(root, name), os.O_WRONLY | os.O_NONBLOCK), b"out")
        except OSError: pass
print("done")`;
    const { stdout, stderr } = await postern(
      ['run', '--visible', folder, '--', '/usr/bin/python3', '-c', program],
      { as: user },
    );
    assert.equal(stdout, 'done\n', stderr);
    for (const reader of readers) {
      assert.equal(readSync(reader, new Uint8Array(64)), 0);
      closeSync(reader);
    }
  });

  twin(`a pipe hears the plugin where its tree is not taken for exposed (${user})`, async () => {
    const dist = mutantDist('trees within writable folders are exposed');
    const { heard } = await look(user, 'channel', dist);
    assert.match(heard, /out/);
  });
}
