// What the settings of other tools mean in rules. The tools' own files are the specification; each key of theirs is read or remarked upon.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importSmokescreen, importSrt, importVscode } from '../../sandbox/cli/import.js';
import { readableFolder } from '../harness/users.js';

const NO_FILES = { visible: [], writable: [], hidden: [] };

test('a pattern of sandbox-runtime means any port, and its deny list every port', () => {
  const { plugins, remarks } = importSrt(
    {
      network: {
        allowedDomains: [
          'example.com',
          '*.example.org',
          'api.example.com:8443',
          '192.0.2.7',
          '[2001:db8::1]:443',
        ],
        deniedDomains: ['tracker.example.com', '*.example.net:80'],
        allowUnixSockets: ['/run/x.sock'],
      },
      filesystem: { allowWrite: [], denyRead: [], denyWrite: [] },
    },
    'agent',
  );
  assert.deepEqual(plugins, [
    {
      name: 'agent',
      allow: [
        'example.com:*',
        '*.example.org:*',
        'api.example.com:8443',
        '192.0.2.7:*',
        '[2001:db8::1]:443',
        'unix:/run/x.sock',
      ],
      deny: ['tracker.example.com', '*.example.net:80'],
      filesystem: NO_FILES,
    },
  ]);
  assert.deepEqual(remarks, []);
});

test('what a program may write is writable, and a hidden file is hidden where it would show', () => {
  process.chdir(readableFolder());
  const { plugins, remarks } = importSrt(
    {
      filesystem: {
        allowWrite: ['.', '~/cache', '/srv/**'],
        allowRead: ['/srv/data'],
        denyRead: ['~/.nowhere', '.env', '/srv/data/keys', '/'],
        denyWrite: ['.nowhere', '/etc'],
      },
    },
    'agent',
  );
  assert.deepEqual(plugins[0]?.filesystem, {
    visible: ['/srv/data'],
    writable: ['.', join(homedir(), 'cache')],
    hidden: ['.env', '/srv/data/keys'],
  });
  assert.deepEqual(remarks, [
    'filesystem.allowWrite: "/srv/**" is a pattern; name the paths that are meant',
    'filesystem.denyWrite: ".nowhere" stays writable inside a writable folder: it is not there; make it first, or name narrower folders in writable',
  ]);
});

// proves: import: what srt never lets be written is read-only
test('what a shell or git would run later is read-only in a writable folder, as srt has it', () => {
  const folder = readableFolder();
  process.chdir(folder);
  for (const path of ['.git/hooks', '.vscode', 'src']) mkdirSync(join(folder, path), { recursive: true });
  for (const path of ['.git/config', '.bashrc']) writeFileSync(join(folder, path), '');
  const shownOf = (filesystem: object): readonly string[] =>
    (importSrt({ filesystem }, 'agent').plugins[0]?.filesystem.visible ?? []).toSorted();
  const always = ['./.bashrc', './.git/hooks', './.vscode'];
  assert.deepEqual(shownOf({ allowWrite: ['.'] }), [...always, './.git/config'].toSorted());
  assert.deepEqual(shownOf({ allowWrite: ['./'], allowGitConfig: true }), always);
  assert.deepEqual(shownOf({ allowWrite: ['src'] }), []);
});

// proves: import: a file with a credential that is denied there is not shown here
test('files with credentials, which srt masks or denies, keep a run from starting', () => {
  const { undenied } = importSrt({ credentials: { files: [{ path: './.env', mode: 'deny' }] } }, 'agent');
  assert.deepEqual(undenied, ['credentials.files: files are not masked; name them in filesystem.denyRead']);
  assert.deepEqual(importSrt({ credentials: { files: [] } }, 'agent').undenied, []);
});

// proves: import: what may not be read is hidden wherever it lies
// proves: import: what may not be written in a writable folder is read-only
// proves: import: what may not be written there is not writable here
test('what is denied is hidden or read-only, by whatever path it is named', () => {
  const folder = readableFolder();
  process.chdir(folder);
  mkdirSync(join(folder, 'data/kept'), { recursive: true });
  writeFileSync(join(folder, 'key'), '');
  const filesOf = (filesystem: object): unknown => importSrt({ filesystem }, 'agent').plugins[0]?.filesystem;
  // Nothing is named by a list, and the working directory or the program's folder may hold it.
  assert.deepEqual(filesOf({ denyRead: [join(folder, 'key')] }), {
    visible: [],
    writable: [],
    hidden: [join(folder, 'key')],
  });
  // What is absent cannot be hidden, and the working directory shows what is made there later.
  const later = importSrt({ filesystem: { denyRead: ['.env', '~/.nowhere'] } }, 'agent');
  assert.deepEqual(later.plugins[0]?.filesystem.hidden, []);
  assert.deepEqual(later.remarks, [
    'filesystem.denyRead: ".env" will show once it is there: it is in the working directory, and only what exists is hidden; make it first, or hide its folder',
  ]);
  // A relative path and an absolute one.
  const absent = join(process.cwd(), '.nowhere');
  assert.deepEqual(filesOf({ allowWrite: ['.'], denyRead: [absent] }), {
    visible: [],
    writable: ['.'],
    hidden: [absent],
  });
  const [data, kept] = [join(folder, 'data'), join(folder, 'data/kept')];
  assert.deepEqual(filesOf({ allowWrite: [data], denyWrite: [kept] }), {
    visible: [kept],
    writable: [data],
    hidden: [],
  });
  assert.deepEqual(filesOf({ allowWrite: [kept, data], denyWrite: [data] }), {
    visible: [kept, data],
    writable: [],
    hidden: [],
  });
});

test('the proxy of sandbox-runtime becomes via, and each key without a counterpart a remark', () => {
  const { plugins, remarks } = importSrt(
    {
      network: {
        allowedDomains: ['localhost', 'a b', 7],
        allowAllUnixSockets: true,
        parentProxy: { http: 'http://proxy.example.com:3128', noProxy: '10.0.0.0/8' },
        novel: 1,
      },
      credentials: { files: [] },
      allowPty: true,
      '\u001b[2J': 1,
    },
    'agent',
  );
  assert.deepEqual(plugins[0]?.via, { proxy: 'http://proxy.example.com:3128' });
  assert.deepEqual(plugins[0]?.allow, []);
  const keys = remarks.map((remark) => remark.split(':')[0]);
  assert.deepEqual(keys, [
    'network.allowedDomains',
    'network.allowedDomains',
    'network.allowedDomains',
    'network.allowAllUnixSockets',
    'network.parentProxy.noProxy',
    'network.novel',
    'credentials',
    '\\u001b[2J',
  ]);
});

// proves: import: credentials of a proxy are not written into a configuration
test('the password of a proxy is not imported', () => {
  const https = 'http://ada:never-written@proxy.example.com:3128';
  const { plugins, remarks } = importSrt({ network: { parentProxy: { https } } }, 'agent');
  assert.deepEqual(plugins[0]?.via, { proxy: 'http://proxy.example.com:3128' });
  assert.match(remarks.join('\n'), /^network\.parentProxy\.https: has a user and a password/);
  assert.doesNotMatch(JSON.stringify([plugins, remarks]), /never-written/);
  const bare = importSrt(
    { network: { parentProxy: { http: 'ada:never-written@proxy.example.com' } } },
    'agent',
  );
  assert.deepEqual(bare.plugins[0]?.via, { proxy: 'http://proxy.example.com:80' });
  assert.doesNotMatch(JSON.stringify(bare), /never-written/);
});

test('the proxy of sandbox-runtime has its port, and one that cannot be read is refused without its password', () => {
  const viaOf = (parentProxy: object): unknown =>
    importSrt({ network: { parentProxy } }, 'agent').plugins[0]?.via;
  assert.deepEqual(viaOf({ http: 'http://proxy.example.com:80' }), { proxy: 'http://proxy.example.com:80' });
  assert.deepEqual(viaOf({ http: 'socks5://[2001:db8::1]' }), { proxy: 'socks5://[2001:db8::1]:1080' });
  assert.equal(viaOf({ http: '' }), undefined);
  for (const http of [7, 'http://ada:never-written@', 'http://ada:never-written@[x', 'ada:never-written@:80'])
    assert.throws(
      () => viaOf({ http }),
      ({ message }: Error) =>
        message === 'network.parentProxy.http is not the URL of a proxy' &&
        !message.includes('never-written'),
    );
  const both = { http: 'http://a.example.com:1', https: 'http://b.example.com:2' };
  const { plugins, remarks } = importSrt({ network: { parentProxy: both } }, 'agent');
  assert.deepEqual(plugins[0]?.via, { proxy: 'http://b.example.com:2' });
  assert.match(remarks.join('\n'), /^network\.parentProxy\.http: is not the proxy of https/);
});

// proves: import: what an unknown setting denies keeps a run from starting
test('what is denied and cannot be read keeps a run from starting', () => {
  const undeniedOf = (settings: object): readonly string[] => importSrt(settings, 'agent').undenied;
  assert.deepEqual(undeniedOf({ network: { deniedNovelty: [] } }), [
    'network.deniedNovelty: is not known to this importer, and left out',
  ]);
  assert.deepEqual(undeniedOf({ network: { deniedDomains: 'x.example.com' } }), [
    'network.deniedDomains: is no list',
  ]);
  assert.deepEqual(undeniedOf({ filesystem: { denyRead: [7] } }), [
    'filesystem.denyRead: has an entry that is no text: 7',
  ]);
  assert.deepEqual(undeniedOf({ novel: 1, network: { allowNovelty: true } }), []);
});

test('addresses that srt denies to names are deny rules', () => {
  const deniedResolvedAddresses = ['10.0.0.0/8', 'fd00::/8', '2001:db8::1'];
  const { plugins, undenied } = importSrt({ network: { deniedResolvedAddresses } }, 'agent');
  assert.deepEqual(plugins[0]?.deny, ['10.0.0.0/8', '[fd00::/8]', '[2001:db8::1]']);
  assert.deepEqual(undenied, []);
});

test('each service of Smokescreen is a plugin; report is audit, and open allows every name', () => {
  const { plugins, remarks } = importSmokescreen({
    version: 'v1',
    services: [
      {
        name: 'Sample',
        project: 'x',
        action: 'enforce',
        allowed_domains: ['api.example.com', '*.example.org'],
      },
      { name: 'looks', action: 'report', allowed_domains: [] },
      { name: 'free', action: 'open' },
    ],
    default: { action: 'enforce', allowed_domains: ['default.example.com'] },
    global_deny_list: ['bad.example.com'],
    global_allow_list: ['all.example.com'],
  });
  const deny = ['bad.example.com'];
  assert.deepEqual(plugins, [
    {
      name: 'sample',
      allow: ['api.example.com:*', '*.example.org:*', 'all.example.com:*'],
      deny,
      filesystem: NO_FILES,
    },
    { name: 'looks', mode: 'audit', allow: ['all.example.com:*'], deny, filesystem: NO_FILES },
    { name: 'free', allow: ['*:*'], deny, filesystem: NO_FILES },
    { name: 'default', allow: ['default.example.com:*', 'all.example.com:*'], deny, filesystem: NO_FILES },
  ]);
  assert.deepEqual(
    remarks.map((remark) => remark.split(':')[0]),
    ['services[0].allowed_domains', 'default.allowed_domains'],
  );
});

test('two services whose names are one in postern are refused', () => {
  const services = ['A b', 'a-b'].map((name) => ({ name, action: 'enforce' }));
  assert.throws(() => importSmokescreen({ services }), /Two services have one name/);
});

test('of the settings of Visual Studio Code, only those of its sandbox count', () => {
  const { plugins, remarks } = importVscode(
    {
      'editor.fontSize': 12,
      'chat.agent.networkFilter': true,
      'chat.agent.allowedNetworkDomains': ['github.com', '*.example.com', 'http://localhost'],
      'chat.agent.deniedNetworkDomains': ['internal.example.com'],
      'chat.agent.sandbox.fileSystem.linux': { allowWrite: ['.'], denyRead: ['./.env'] },
    },
    'agent',
  );
  assert.deepEqual(plugins[0]?.allow, ['github.com:*', '*.example.com:*']);
  assert.deepEqual(plugins[0]?.deny, ['internal.example.com']);
  assert.deepEqual(plugins[0]?.filesystem, { visible: [], writable: ['.'], hidden: ['./.env'] });
  assert.match(remarks.join('\n'), /"http:\/\/localhost" has no counterpart/);
  const open = importVscode({ 'chat.agent.sandbox.allowNetwork': true }, 'agent');
  assert.deepEqual(open.plugins[0]?.allow, ['*:*']);
});

test('settings that are no map are refused', () => {
  for (const value of [null, [], 'x', 7]) assert.throws(() => importSrt(value, 'agent'), /is not a map/);
  assert.throws(() => importSrt({ network: [] }, 'agent'), /"network" is not a map/);
});
