// Inside a machine: the Debian package is installed, steered by systemctl(1), upgraded, removed and purged, as an administrator does it. Argument: a part of PARTS, which
// goes on where the one before it has ended. The machine has no network and a slow processor: nothing here judges by time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { run, tried } from './host.js';
import { USER } from './machines.js';

const DEBS = fileURLToPath(new URL('../../../deb', import.meta.url));
/** Of the package, and of the one that it is upgraded to. */
const [FIRST = '', SECOND = ''] = readdirSync(DEBS).sort();
const CONFIG = '/etc/postern/postern.yaml';
const AUDIT = '/var/log/postern/audit.log';
const DROP_INS = '/run/systemd/system/postern.service.d';
/** A start takes minutes on this processor. */
const SLOW = '[Service]\nTimeoutStartSec=1800\nTimeoutStopSec=600\n';
const PROFILES = '/sys/kernel/security/apparmor/profiles';
const BEFORE = '/root/before.json';
/** What packages and services leave in general, this program's own files, and its checkout. */
const NOT_COMPARED =
  /^\/(?:var\/(?:lib\/(?:dpkg|apt|systemd)|cache\/(?:apt|debconf|ldconfig)|log\/(?:journal|apt|dpkg|alternatives))|root|srv|opt\/postern)\b/;
const PROBE_EVERY_MS = 100;

/** The plugin: it answers, and has curl ask a port of the host. */
/** As a server should, it answers what it has accepted before it ends. */
const PLUGIN = `import signal, socket, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        text = 'here'
        if self.path != '/':
            curl = ['curl', '-sS', 'http://127.0.0.1:' + self.path[1:]]
            done = subprocess.run(curl, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            text = str(done.returncode) + ' ' + done.stdout
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *words):
        pass
server = ThreadingHTTPServer(('', 0), Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
`;
const fileOf = (permitted: number): string => `audit: ${AUDIT}
plugins:
  web:
    command: [python3, /srv/web/server.py]
    cwd: /srv/web
    allow: ["127.0.0.1:${permitted}"]
    listen: [{name: http, address: 127.0.0.1:8080}]
    restart: {policy: on-failure}
`;

/** A program that AppArmor lets do everything but make user namespaces, as Ubuntu's kernel does with programs that have no profile. */
const RESTRICTED = `abi <abi/4.0>,
profile restricted {
  file, capability, network, unix, signal, ptrace, mount, remount, umount, pivot_root, mqueue,
  /usr/lib/postern/dist/run/postern.js px -> postern,
}
`;

function load(profile: string): void {
  writeFileSync('/root/profile', profile);
  run('apparmor_parser', '--replace', '--skip-cache', '/root/profile');
}

/** aa-exec(1) gives the profile to what it executes, whatever that is: env(1) then executes the program under the profile's rules. */
const as = (profile: string): readonly string[] => [
  'runuser',
  '-u',
  USER,
  '--',
  'aa-exec',
  '-p',
  profile,
  '--',
  'env',
];
const apt = (action: string, what: string): readonly string[] => [
  'env',
  'DEBIAN_FRONTEND=noninteractive',
  'apt-get',
  '-y',
  action,
  what,
];
const property = (name: string, unit = 'postern'): string =>
  run('systemctl', 'show', '--value', '-p', name, unit);
const hangUp = (): string => run('systemctl', 'kill', '--signal=HUP', '--kill-whom=main', 'postern');

/** Writes a drop-in of a unit. */
function dropIn(unit: string, name: string, text: string): void {
  const folder = `/run/systemd/system/${unit}.service.d`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), text);
  run('systemctl', 'daemon-reload');
}
const versionOf = (deb: string): string =>
  run('dpkg-deb', '--field', join(DEBS, deb), 'Version').replace(/-1$/, '');

/** What a package could leave behind. */
function traces(): unknown {
  const found = run('find', '/etc', '/usr', '/var', '/opt', '/srv', '/home', '-xdev').split('\n');
  return {
    paths: found.filter((path) => !NOT_COMPARED.test(path)).sort(),
    ids: ['/etc/subuid', '/etc/subgid'].map((file) => readFileSync(file, 'utf8')),
    profiles: readFileSync(PROFILES, 'utf8').split('\n').sort(),
    units: run('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'postern.*', 'postern@*'),
  };
}

async function ask(path: string): Promise<string> {
  const [response] = await once(get({ host: '127.0.0.1', port: 8080, path, agent: false }), 'response');
  return (await response.toArray()).join('');
}

/** Waits for a line of the unit's. @returns its priority */
async function priorityOf(unit: string, words: RegExp): Promise<string | undefined> {
  for (;;) {
    run('journalctl', '--sync');
    const lines = run('journalctl', '--output=json', '--unit', unit).split('\n').filter(Boolean);
    const found = lines
      .map((line): Readonly<Record<string, unknown>> => JSON.parse(line))
      .find(({ MESSAGE: message }) => words.test(String(message)));
    if (found !== undefined) return String(found['PRIORITY']);
    await setTimeout(1_000);
  }
}

/** A server of the host that counts its clients. */
async function listening(): Promise<{
  readonly server: Server;
  readonly port: number;
  readonly heard: () => number;
}> {
  let heard = 0;
  const server = createServer((_request, response) => response.end('permitted'));
  server.on('connection', () => {
    heard += 1;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, port: (server.address() as AddressInfo).port, heard: () => heard };
}

const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  install: () => {
    writeFileSync(BEFORE, JSON.stringify(traces()));
    run(...apt('install', join(DEBS, FIRST)));
    assert.equal(run('postern', '--version'), versionOf(FIRST));
    assert.equal(property('ActiveState'), 'inactive');
    assert.match(readFileSync('/etc/subuid', 'utf8'), /^postern:/m);
  },

  serve: async () => {
    const [permitted, refused] = [await listening(), await listening()];
    mkdirSync('/srv/web', { recursive: true });
    writeFileSync('/srv/web/server.py', PLUGIN);
    writeFileSync(CONFIG, fileOf(permitted.port));
    run('cp', '/usr/share/doc/postern/examples/postern.socket', '/etc/systemd/system');
    dropIn('postern', 'slow.conf', `${SLOW}WatchdogSec=900\n`);
    run('systemctl', 'enable', '--now', 'postern.socket', 'postern');
    assert.equal(await ask(`/${permitted.port}`), '0 permitted');
    assert.match(await ask(`/${refused.port}`), /^7 curl: /);
    assert.deepEqual([permitted.heard(), refused.heard()], [1, 0]);
    for (const { server } of [permitted, refused]) server.close().closeAllConnections();
  },

  // The rules change, and the process goes on.
  reload: async () => {
    const [first, second] = [await listening(), await listening()];
    const pid = property('MainPID');
    for (const [permitted, refused] of [
      [first, second],
      [second, first],
    ] as const) {
      writeFileSync(CONFIG, fileOf(permitted.port));
      run('systemctl', 'reload', 'postern');
      assert.equal(await ask(`/${permitted.port}`), '0 permitted');
      assert.match(await ask(`/${refused.port}`), /^7 curl: /);
    }
    writeFileSync(CONFIG, 'plugins: {web: {comand: [echo]}}\n');
    assert.notEqual(tried('systemctl', 'reload', 'postern').status, 0);
    assert.match(readFileSync(AUDIT, 'utf8'), /^\{"event":"reload_failed",.*comand: unknown key/m);
    assert.equal(await ask(`/${second.port}`), '0 permitted');
    assert.deepEqual([first.heard(), second.heard()], [1, 2]);
    writeFileSync(CONFIG, fileOf(second.port));
    run('systemctl', 'reload', 'postern');
    assert.equal(property('MainPID'), pid);
    for (const { server } of [first, second]) server.close().closeAllConnections();
  },

  // The refusals and the failed reload of the part before it are there, too.
  'the journal': async () => {
    const config = readFileSync(CONFIG, 'utf8');
    hangUp();
    assert.equal(await priorityOf('postern', /^postern: ".*" was read again; no plugin changed$/), '6');
    assert.equal(await priorityOf('postern', /^postern: web: Nothing listens at "127\.0\.0\.1:/), '4');
    assert.equal(await priorityOf('postern', /^postern: .*comand: unknown key/), '3');
    writeFileSync(CONFIG, 'plugins: {}\n');
    hangUp();
    assert.equal(await priorityOf('postern', /^postern: ".*" is not put in force/), '4');
    writeFileSync(CONFIG, config);
    run('systemctl', 'reload', 'postern');
  },

  // Beside the service, with a key that systemd reads and only a gateway gets.
  'an instance': async () => {
    const [unit, key, pid] = ['postern@other', 'worthless-in-a-test', property('MainPID')];
    const [names, config] = [readFileSync('/etc/hosts', 'utf8'), '/etc/postern/other.yaml'];
    const [pem, own] = ['/srv/web/own.pem', '/root/own.key'];
    const request = [
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=api.example.com',
    ];
    run(...request, '-addext', 'subjectAltName=DNS:api.example.com', '-keyout', own, '-out', pem);
    const heard: (string | undefined)[] = [];
    const server = createSecureServer(
      { key: readFileSync(own), cert: readFileSync(pem) },
      (asked, answer) => {
        heard.push(asked.headers.authorization);
        answer.end('the API answers\n');
      },
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    writeFileSync('/etc/hosts', `${names}127.0.0.1 api.example.com\n`);
    writeFileSync('/root/token', `${key}\n`, { mode: 0o600 });
    writeFileSync(
      config,
      `audit: /var/log/postern/other.log
secrets: {token: {credential: token}}
plugins:
  caller:
    command: [sh, -c, "until curl -sSf https://api.example.com:${port}/; do sleep 1; done; exec sleep infinity"]
    cwd: /srv/web
    allow: ["api.example.com:${port}"]
    gateway:
      api.example.com: {headers: {authorization: "Bearer {token}"}, addresses: ["127.0.0.1:${port}"], ca: ${pem}}
`,
    );
    dropIn(unit, 'slow.conf', `${SLOW}WatchdogSec=900\nRestart=no\n`);
    assert.notEqual(tried('systemctl', 'start', unit).status, 0);
    assert.equal(await priorityOf(unit, /^postern: .*Cannot use the secret "token"/), '3');
    assert.deepEqual(heard, []);
    dropIn(unit, 'credential.conf', '[Service]\nLoadCredential=token:/root/token\n');
    run('systemctl', 'start', unit);
    await priorityOf(unit, /^caller \| the API answers$/);
    assert.deepEqual([...new Set(heard)], [`Bearer ${key}`]);
    assert.ok(!run('journalctl', '--unit', unit).includes(key));
    assert.deepEqual([property('ActiveState', unit), property('MainPID')], ['active', pid]);
    run('systemctl', 'stop', unit);
    assert.deepEqual([property('Result', unit), property('MainPID')], ['success', pid]);
    server.close().closeAllConnections();
    writeFileSync('/etc/hosts', names);
    run('rm', '-r', config, `/run/systemd/system/${unit}.service.d`);
    run('systemctl', 'daemon-reload');
  },

  // A process that is stopped does not end by itself, and nobody but the watchdog of the unit ends it.
  'the watchdog': async () => {
    dropIn('postern', 'slow.conf', SLOW);
    run('systemctl', 'restart', 'postern');
    const former = property('MainPID');
    assert.deepEqual([await ask('/'), property('NRestarts')], ['here', '0']);
    process.kill(Number(former), 'SIGSTOP');
    while (property('ActiveState') !== 'active' || property('NRestarts') !== '1') await setTimeout(1_000);
    assert.notEqual(property('MainPID'), former);
    assert.equal(await ask('/'), 'here');
    dropIn('postern', 'slow.conf', `${SLOW}WatchdogSec=900\n`);
  },

  // The kernel knows no rule for programs without a profile, so one stands for them that has every permission but this.
  'the profile': () => {
    assert.match(readFileSync(PROFILES, 'utf8'), /^postern \(unconfined\)$/m);
    assert.match(
      readFileSync(`/proc/${property('MainPID')}/attr/current`, 'utf8'),
      /^postern \(unconfined\)/,
    );
    load(RESTRICTED);
    const [unshare, script] = [
      ['unshare', '--user', 'true'],
      ['--', 'echo', 'it runs'],
    ] as const;
    assert.match(run('runuser', '-u', USER, '--', ...unshare), /^$/);
    const refused = tried(...as('restricted'), ...unshare);
    assert.notEqual(refused.status, 0, refused.said);
    assert.equal(run(...as('restricted'), 'postern', 'run', ...script), 'it runs');
    // The same program at a path that the profile does not name.
    const other = [process.execPath, '/usr/lib/postern/dist/run/postern.js'];
    assert.match(tried(...as('restricted'), ...other, 'run', ...script).said, /Cannot/);
    const doctor = tried(...as('restricted'), ...other, 'doctor');
    assert.equal(doctor.status, 1);
    assert.match(doctor.said, /AppArmor profile restricted \(enforce\)/);
    assert.match(doctor.said, /\n +userns,\n/);
  },

  'the profile for containers': () => {
    const profile = readFileSync('/usr/lib/postern/deploy/container/apparmor', 'utf8');
    load(profile);
    const doctor = tried(...as('postern-container'), 'postern', 'doctor');
    assert.equal(doctor.status, 0, doctor.said);
    assert.equal(run(...as('postern-container'), 'postern', 'run', '--', 'echo', 'it runs'), 'it runs');
    const change = ['sh', '-c', 'was=$(cat /proc/sys/vm/swappiness) && echo "$was" >/proc/sys/vm/swappiness'];
    run(...change);
    assert.match(tried('aa-exec', '-p', 'postern-container', '--', ...change).said, /Permission denied/);
    // As the engines' own profiles.
    load(profile.replaceAll('postern-container', 'no-mounts').replace(/^ {2}(?:re)?mount,\n/gm, ''));
    const without = tried(...as('no-mounts'), 'postern', 'doctor');
    assert.equal(without.status, 1, without.said);
    assert.match(without.said, /AppArmor profile no-mounts \(enforce\)/);
    for (const name of ['restricted', 'postern-container', 'no-mounts'])
      writeFileSync('/sys/kernel/security/apparmor/.remove', name);
  },

  // Probes go on from before the upgrade until the new version has answered.
  upgrade: async () => {
    const [config, former] = [readFileSync(CONFIG, 'utf8'), property('MainPID')];
    const [command = '', ...args] = apt('install', join(DEBS, SECOND));
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const said = child.stdout.toArray();
    let ended = false;
    const end = once(child, 'exit').finally(() => {
      ended = true;
    });
    const probes: Promise<string>[] = [];
    const probe = (): void => {
      probes.push(ask('/').catch(String));
    };
    while (!ended) {
      probe();
      await setTimeout(PROBE_EVERY_MS);
    }
    probe();
    const answers = await Promise.all(probes);
    assert.deepEqual(await end, [0, null], (await said).join(''));
    assert.deepEqual(
      answers.filter((answer) => answer !== 'here'),
      [],
    );
    assert.equal(run('postern', '--version'), versionOf(SECOND));
    assert.notEqual(property('MainPID'), former);
    assert.equal(readFileSync(CONFIG, 'utf8'), config);
    console.log(`${answers.length} probes during the upgrade, each answered`);
  },

  remove: () => {
    run(...apt('remove', 'postern'));
    assert.equal(property('ActiveState'), 'inactive');
    assert.match(readFileSync(CONFIG, 'utf8'), /server\.py/);
    assert.notEqual(tried('postern', '--version').status, 0);
    assert.doesNotMatch(readFileSync(PROFILES, 'utf8'), /^postern /m);
  },

  purge: () => {
    run(...apt('purge', 'postern'));
    // What the administrator made.
    run('systemctl', 'disable', '--now', 'postern.socket');
    run('rm', '-r', '/etc/systemd/system/postern.socket', DROP_INS);
    run('systemctl', 'daemon-reload');
    assert.deepEqual(traces(), JSON.parse(readFileSync(BEFORE, 'utf8')));
  },
};

const part = PARTS[process.argv[2] ?? ''];
assert.ok(part !== undefined, `The parts are ${Object.keys(PARTS).join(', ')}`);
await part();
