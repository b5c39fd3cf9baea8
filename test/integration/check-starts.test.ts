// `check` refuses what a start of the same file refuses, with the same code, place and fix. `up` says the place, `run` the same fix.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern } from '../harness/postern.js';
import { type User, users } from '../harness/users.js';

interface Problem {
  readonly line: number;
  readonly column: number;
  readonly key: string;
  readonly message: string;
  readonly suggestion?: string;
  readonly code?: string;
}

interface Case {
  readonly what: string;
  /** Of the plugin `one`, from line 4 on. */
  readonly lines: readonly string[];
  /** The options of `run` that mean the same. */
  readonly options: readonly string[];
  readonly command?: readonly string[];
  readonly code: string;
  readonly line: number;
  readonly key: string;
  readonly message: RegExp;
  /** What `up` ends with: 2 if nothing is started, 1 if the plugin alone fails. */
  readonly up: 1 | 2;
  /** Owners and modes decide. Otherwise the users take turns. */
  readonly ofEachUser?: true;
}

/** Gives a folder that root made to the user. */
function give(user: User, folder: string): void {
  if (user === 'user' && process.geteuid?.() === 0) spawnSync('chown', ['-R', '65534:65534', folder]);
}

/** `data/inner` holds a set-uid program and `linked` a hard link to a file of rules. */
function scene(user: User): string {
  const folder = ownFolder(user);
  for (const name of ['own', 'data/inner', 'linked', 'closed', 'secret', 'bin'])
    mkdirSync(join(folder, name), { recursive: true });
  symlinkSync('/', join(folder, 'root'));
  writeFileSync(join(folder, 'bin/script'), `#!${folder}/secret/shell\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'secret/shell'), '', { mode: 0o755 });
  writeFileSync(join(folder, 'data/inner/program'), '', { mode: 0o755 });
  writeFileSync(join(folder, 'postern.yaml'), '');
  writeFileSync(join(folder, 'rules.yaml'), 'allow: []\n');
  linkSync(join(folder, 'rules.yaml'), join(folder, 'linked/second'));
  chmodSync(join(folder, 'closed'), 0o577);
  give(user, folder);
  chmodSync(join(folder, 'data/inner/program'), 0o4755);
  return folder;
}

function cases(folder: string): readonly Case[] {
  const inList = (list: string, path: string): Pick<Case, 'lines' | 'options' | 'line' | 'key'> => ({
    lines: ['    filesystem:', `      ${list}:`, `        - ${folder}/own`, `        - ${path}`],
    options: [`--${list}`, `${folder}/own`, `--${list}`, path],
    line: 7,
    key: `plugins.one.filesystem.${list}[1]`,
  });
  const kernel = { code: 'not_allowed', up: 2, message: /belongs to a .* file system of the host$/ } as const;
  return [
    // proves: a file system of the kernel is refused, and up starts nothing
    { what: "the host's /proc as a visible path", ...inList('visible', '/proc/sys'), ...kernel },
    // proves: a file system of the kernel is refused, and up starts nothing
    { what: 'all of sysfs as a visible path', ...inList('visible', '/sys'), ...kernel },
    { what: 'a part of sysfs as a writable path', ...inList('writable', '/sys/kernel'), ...kernel },
    // proves: a file system of the kernel is refused, and up starts nothing
    {
      what: 'a link to / as a visible path',
      ...inList('visible', `${folder}/root`),
      code: 'not_allowed',
      message: /^Cannot show "\/" to the plugin: ".*\/root" leads there$/,
      up: 2,
    },
    {
      what: 'a visible path that does not exist',
      ...inList('visible', `${folder}/none`),
      code: 'not_found',
      message: /^Cannot show ".*\/none" to the plugin: it does not exist$/,
      up: 2,
    },
    {
      what: 'a hidden path that does not exist',
      ...inList('hidden', `${folder}/none`),
      code: 'not_found',
      message: /^Cannot hide ".*\/none" from the plugin: it does not exist$/,
      up: 2,
    },
    {
      what: 'a working directory that does not exist',
      lines: [`    cwd: ${folder}/none`],
      options: ['--cwd', `${folder}/none`],
      line: 4,
      key: 'plugins.one.cwd',
      code: 'not_found',
      message: /^Cannot start in ".*\/none": it does not exist$/,
      up: 2,
    },
    {
      what: 'a working directory that is a file',
      lines: [`    cwd: ${folder}/rules.yaml`],
      options: ['--cwd', `${folder}/rules.yaml`],
      line: 4,
      key: 'plugins.one.cwd',
      code: 'not_found',
      message: /^Cannot start in ".*\/rules.yaml": it is not a folder$/,
      up: 2,
    },
    // What the plugin itself could have done fails its start alone.
    {
      what: 'a path that is missing in what the plugin may write',
      lines: [`    filesystem: {writable: [${folder}/own], visible: [${folder}/own/none]}`],
      options: ['--writable', `${folder}/own`, '--visible', `${folder}/own/none`],
      line: 4,
      key: 'plugins.one.filesystem.visible[0]',
      code: 'not_found',
      message:
        /none" to the plugin: .* It lies in ".*\/own", which the plugin may write: it could have removed or closed it$/,
      up: 1,
    },
    // proves: what the start of a plugin refuses is refused
    {
      what: 'a set-uid program in a writable path',
      ...inList('writable', `${folder}/data`),
      code: 'privileged_file',
      message: /inner\/program", which is set-uid or set-gid: it would keep that privilege$/,
      up: 1,
      ofEachUser: true,
    },
    {
      what: "a hard link to postern's own file in a writable path",
      lines: [
        '    filesystem:',
        `      writable: [${folder}/own, ${folder}/linked]`,
        '    presets: [rules.yaml]',
      ],
      options: ['--writable', `${folder}/linked`, '--rules', `${folder}/rules.yaml`],
      line: 5,
      key: 'plugins.one.filesystem.writable[1]',
      code: 'path_not_apart',
      message: /linked\/second": it is a hard link to ".*\/rules\.yaml", which is postern's own$/,
      up: 1,
    },
    {
      what: 'a home with a set-uid program',
      lines: [`    home: ${folder}/data`],
      options: ['--home', `${folder}/data`],
      line: 4,
      key: 'plugins.one.home',
      code: 'privileged_file',
      message: /inner\/program", which is set-uid or set-gid/,
      up: 1,
    },
    // proves: a home that cannot be written is refused
    {
      what: 'a home that its owner may not write',
      lines: [`    home: ${folder}/closed`],
      options: ['--home', `${folder}/closed`],
      line: 4,
      key: 'plugins.one.home',
      code: 'bad_home',
      message: /its owner may not read, write and enter it/,
      up: 1,
      ofEachUser: true,
    },
    {
      what: 'a working directory that is hidden',
      lines: [`    cwd: ${folder}/own`, `    filesystem: {hidden: [${folder}/own]}`],
      options: ['--cwd', `${folder}/own`, '--hidden', `${folder}/own`],
      line: 4,
      key: 'plugins.one.cwd',
      code: 'hidden',
      message: /^Cannot start in ".*\/own": it is hidden by --hidden /,
      up: 1,
    },
    {
      what: 'a script whose interpreter is hidden',
      lines: [`    filesystem: {visible: [${folder}], hidden: [${folder}/secret]}`],
      options: ['--visible', folder, '--hidden', `${folder}/secret`],
      command: [`${folder}/bin/script`],
      line: 3,
      key: 'plugins.one.command',
      code: 'not_found',
      message: /its interpreter ".*\/secret\/shell" is hidden by /,
      up: 1,
    },
  ];
}

for (const user of users) {
  const folder = scene(user);
  for (const one of cases(folder).filter(
    (it, turn) => it.ofEachUser === true || userInTurn(turn).includes(user),
  ))
    test(`check and a start refuse ${one.what} alike (${user})`, async () => {
      const command = one.command ?? ['true'];
      const cwd = ['    cwd: /usr'].filter(() => !one.lines.some((line) => line.includes('cwd:')));
      const text = ['plugins:', '  one:', `    command: ${JSON.stringify(command)}`, ...one.lines, ...cwd];
      writeFileSync(join(folder, 'postern.yaml'), `${text.join('\n')}\n`);
      const before = readdirSync(folder);
      const checked = await postern(['check', '--json'], { as: user, cwd: folder });
      assert.deepEqual([checked.status, checked.stderr], [1, ''], checked.stdout);
      const { ok, problems } = JSON.parse(checked.stdout) as { ok: boolean; problems: Problem[] };
      const [problem] = problems;
      assert.deepEqual([ok, problems.length], [false, 1], checked.stdout);
      assert.ok(problem?.suggestion !== undefined);
      assert.deepEqual([problem.code, problem.line, problem.key], [one.code, one.line, one.key]);
      assert.match(problem.message, one.message);
      assert.deepEqual(readdirSync(folder), before, 'check makes nothing');
      const said = `plugins.one${problem.key.slice('plugins.one'.length)}: ${problem.message}; ${problem.suggestion}`;
      const line = `./postern.yaml:${problem.line}:${problem.column}: ${said}`;
      if (one.ofEachUser === true) {
        const shown = await postern(['check'], { as: user, cwd: folder });
        assert.equal(shown.stdout, `error    ${line}\n./postern.yaml: 1 error\n`);
      }
      const up = await postern(['up'], { as: user, cwd: folder });
      assert.equal(up.status, one.up, up.stderr);
      assert.ok(
        up.stderr.split('\n').some((word) => word.endsWith(line)),
        up.stderr,
      );
      const options = one.options.includes('--cwd') ? one.options : [...one.options, '--cwd', '/usr'];
      const run = await postern(['run', ...options, '--', ...command], { as: user, cwd: folder });
      assert.equal(run.stdout, '');
      assert.ok(run.stderr.endsWith(`${problem.message}; ${problem.suggestion}\n`), run.stderr);
    });

  test(`check refuses nothing of a file whose plugins start (${user})`, async () => {
    const cwd = ownFolder(user);
    mkdirSync(join(cwd, 'data'));
    give(user, cwd);
    writeFileSync(
      join(cwd, 'postern.yaml'),
      `plugins:\n  one: {command: ["true"], cwd: /usr, home: ${cwd}/home, filesystem: {visible: [/sys/kernel], writable: [data]}}\n`,
    );
    const checked = await postern(['check'], { as: user, cwd });
    assert.deepEqual(
      [checked.status, checked.stdout],
      [0, './postern.yaml: 1 plugin, 0 rules, 0 warnings\n'],
    );
    assert.deepEqual(readdirSync(cwd).sort(), ['data', 'postern.yaml'], 'check makes nothing');
    const up = await postern(['up'], { as: user, cwd });
    assert.equal(up.status, 0, up.stderr);
  });
}

// Root may write there.
for (const user of users.filter((one) => one === 'user'))
  test(`check refuses an audit file that cannot be written, and a home that cannot be made (${user})`, async () => {
    const cwd = ownFolder(user);
    writeFileSync(
      join(cwd, 'postern.yaml'),
      'audit: /usr/postern-test.log\nplugins:\n  one: {command: ["true"], home: /usr/postern-test}\n',
    );
    for (const [words, status] of [
      [['check'], 1],
      [['up'], 2],
    ] as const) {
      const result = await postern(words, { as: user, cwd });
      const text = result.stdout + result.stderr;
      assert.equal(result.status, status, text);
      assert.match(
        text,
        /postern\.yaml:1:8: audit: Cannot append to the audit file "\/usr\/postern-test\.log": EACCES; /,
      );
      assert.match(
        text,
        /postern\.yaml:3:34: plugins\.one\.home: Cannot make the home "\/usr\/postern-test": EACCES; make it: sudo /,
      );
    }
  });
