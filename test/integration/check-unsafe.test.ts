// `check` names each configuration by which a plugin could reach what is not its own, with its line and what to do. `up` refuses what
// `check` refuses.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { distFor, readableFolder, type User, users } from '../harness/users.js';

/** `reader` is on line 3, and its paths on lines 6 and 7. */
function config({ visible = 'apart', writable = 'own', hidden = 'apart/hidden', audit = 'stderr' }): string {
  return `audit: ${audit}
plugins:
  reader:
    command: ["true"]
    filesystem:
      visible: [${visible}]
      writable: [${writable}]
      hidden: [${hidden}]
  writer: {command: ["true"], filesystem: {writable: [data]}}
`;
}

const servers: { close: () => void }[] = [];
after(() => {
  for (const server of servers) server.close();
});

async function folder(): Promise<string> {
  const made = readableFolder();
  for (const name of ['apart/hidden', 'own/inner', 'data/inner', 'services/sub', 'logs'])
    mkdirSync(join(made, name), { recursive: true });
  chmodSync(made, 0o777);
  chmodSync(join(made, 'logs'), 0o777);
  symlinkSync('../apart/hidden', join(made, 'own/link'));
  symlinkSync('real.log', join(made, 'logs/link.log'));
  writeFileSync(join(made, 'rules.yaml'), 'allow: []\n');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(made, 'services/sub/host.sock'), resolve));
  servers.push(server);
  return made;
}

interface Report {
  readonly ok: boolean;
  readonly problems: readonly {
    readonly file: string;
    readonly line: number;
    readonly message: string;
    readonly suggestion?: string;
  }[];
  readonly warnings: readonly { readonly place: string; readonly message: string }[];
}

async function check(as: User, cwd: string): Promise<Report> {
  const { stdout, stderr } = await postern(['check', '--json'], { as, cwd });
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Report;
}

for (const as of users) {
  const own = join(distFor(as), 'run');
  const refused: readonly (readonly [what: string, text: string, line: number, message: RegExp, up?: 1])[] = [
    [
      'a visible path within what another plugin writes',
      config({ visible: 'data/inner' }),
      6,
      /leads through .*data/,
    ],
    [
      'a writable path within what another plugin writes',
      config({ writable: 'data/inner' }),
      7,
      /leads through .*data/,
    ],
    [
      'a hidden path through a link of the plugin',
      config({ hidden: 'own/link' }),
      8,
      /leads through the link/,
      // The plugin could have made it, so its own start fails alone.
      1,
    ],
    // proves: check: a writable path that is postern's own is refused
    // proves: supervisor: a writable path that is postern's own is refused
    ["a writable path that is postern's code", config({ writable: own }), 7, /lies in .* postern's own/],
    // proves: supervisor: a writable path that is postern's own is refused
    [
      "a writable path that is postern's configuration",
      config({ writable: 'postern.yaml' }),
      7,
      /is postern's own/,
    ],
    // proves: an audit file that is a link is refused
    ['an audit file that is a link', config({ audit: './logs/link.log' }), 1, /is a link/],
  ];
  for (const [what, text, line, message, status = 2] of refused.filter((_, turn) =>
    userInTurn(turn).includes(as),
  ))
    test(`check refuses ${what}, and up too (${as})`, async () => {
      const cwd = await folder();
      writeFileSync(join(cwd, 'postern.yaml'), text);
      const { ok, problems } = await check(as, cwd);
      assert.equal(ok, false);
      assert.equal(problems.length, 1, JSON.stringify(problems));
      assert.equal(problems[0]?.line, line, JSON.stringify(problems));
      assert.match(problems[0].message, message);
      assert.match(
        JSON.stringify(problems[0]),
        /keep it outside|look at that link|name another path|name the file/,
      );
      const up = await postern(['up'], { as, cwd });
      assert.equal(up.status, status, up.stderr);
    });

  const warned: readonly (readonly [what: string, text: string, line: number, message: RegExp])[] = [
    ['a folder that two plugins write', config({ writable: 'data' }), 9, /plugin "reader" may write/],
    [
      "a folder with postern's configuration",
      `plugins:\n  one: {command: ["true"], filesystem: {writable: [.]}}\n`,
      2,
      /"[^"]*postern\.yaml" is postern's own.*may write a file that replaces it while the plugin runs.*make a folder writable that holds no file of postern/,
    ],
    [
      'a folder with the audit file',
      config({ writable: 'logs', audit: './logs/audit.log' }),
      7,
      /audit\.log" is postern's own/,
    ],
    [
      'a folder with a file of rules',
      `plugins:\n  one: {command: ["true"], presets: [logs/rules.yaml], filesystem: {writable: [logs]}}\n`,
      2,
      /rules\.yaml" is postern's own/,
    ],
  ];
  // proves: postern's own files in a plugin's writable folder are told
  for (const [what, text, line, message] of warned.filter((_, turn) => userInTurn(turn).includes(as)))
    test(`check warns of ${what} (${as})`, async () => {
      const cwd = await folder();
      writeFileSync(join(cwd, 'postern.yaml'), text);
      writeFileSync(join(cwd, 'logs/rules.yaml'), 'allow: []\n');
      writeFileSync(join(cwd, 'logs/audit.log'), '');
      chmodSync(join(cwd, 'logs/audit.log'), 0o666);
      const { ok, problems, warnings } = await check(as, cwd);
      assert.equal(ok, true, JSON.stringify(problems));
      const found = warnings.filter(({ message: said }) => message.test(said));
      assert.deepEqual(
        found.map(({ place }) => place),
        [`./postern.yaml:${line}`],
        JSON.stringify(warnings),
      );
    });
}

for (const as of anyUser) {
  test(`check says nothing of folders that are apart (${as})`, async () => {
    const cwd = await folder();
    writeFileSync(
      join(cwd, 'postern.yaml'),
      config({ visible: 'apart, services', hidden: 'services/sub', audit: './logs/audit.log' }),
    );
    const { ok, warnings } = await check(as, cwd);
    assert.deepEqual([ok, warnings], [true, []]);
  });
}
