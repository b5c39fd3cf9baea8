import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../shared/config/load-config.js';
import { readableFolder } from '../harness/users.js';
import { brokenConfigs } from './broken-configs.js';

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = readableFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function load(files: Readonly<Record<string, string>>): Config {
  return loadConfig(join(folderWith(files), 'postern.yaml'));
}

function messagesOf(path: string): string[] {
  try {
    loadConfig(path);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    const folder = dirname(path);
    return error.message
      .split('\n')
      .map((line) => line.replaceAll(`${folder}/`, '').replaceAll(folder, 'DIR'));
  }
}

for (const { name, text, files = {}, messages } of brokenConfigs) {
  test(`loadConfig() tells what is wrong with ${name}`, () => {
    const folder = folderWith({ 'postern.yaml': text, 'a-file': '', ...files });
    const expected = messages.map((line) => line.replaceAll('DIR/', ''));
    assert.deepEqual(messagesOf(join(folder, 'postern.yaml')), expected);
  });
}

test('there are at least sixty broken configurations', () => {
  assert.ok(brokenConfigs.length >= 60);
});

test('loadConfig() refuses a file that is no readable text, and does not read it', () => {
  const folder = folderWith({ 'big.yaml': '', 'latin1.yaml': '' });
  truncateSync(join(folder, 'big.yaml'), 100 * 1024 * 1024);
  writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0xe9]));
  spawnSync('mkfifo', [join(folder, 'fifo.yaml')]);
  const started = performance.now();
  assert.deepEqual(messagesOf(join(folder, 'big.yaml')), ['big.yaml: is larger than 4 MiB']);
  assert.deepEqual(messagesOf(join(folder, 'latin1.yaml')), ['latin1.yaml: is not UTF-8']);
  assert.deepEqual(messagesOf('/proc/self/mem'), ['mem: cannot be read: EIO']);
  assert.deepEqual(messagesOf(join(folder, 'fifo.yaml')), ['fifo.yaml: is not a regular file']);
  assert.deepEqual(messagesOf(`${folder}/missing.yaml`), [
    'missing.yaml: cannot be read: there is no such file; name another file, or write a first one with postern init',
  ]);
  assert.ok(performance.now() - started < 1000);
  rmSync(folder, { recursive: true });
});

test('loadConfig() joins lists and maps of defaults with the plugin, whose single values win', () => {
  const { plugins } = load({
    'data/x': '',
    'postern.yaml': `
defaults:
  deny: [tracker.example.com]
  env: {LANG: C, LEVEL: info}
  mode: audit
  filesystem: {visible: [./data], hidden: [./data/x]}
  limits: {descriptors: 100, memory_mib: 64}
  seccomp: {allow: [adjtimex], unsafe_allow: [kcmp]}
  restart: {policy: always, delay_ms: 20}
plugins:
  a: {command: [x], seccomp: {allow: [ustat, adjtimex]}, allow: [api.example.com], env: {LEVEL: debug}, restart: {policy: on-failure}}
  b: {command: [y], mode: enforce, limits: {requests_per_second: 7}, filesystem: {writable: [./data]}}
`,
  });
  const [a, b] = plugins.map(({ config }) => config);
  assert.deepEqual(a?.deny, ['tracker.example.com']);
  assert.deepEqual(a?.allow, ['api.example.com']);
  assert.deepEqual(a?.env, { LANG: 'C', LEVEL: 'debug' });
  assert.equal(a?.mode, 'audit');
  assert.deepEqual(a?.addedCalls, ['adjtimex', 'ustat', 'kcmp']);
  assert.deepEqual(b?.addedCalls, ['adjtimex', 'kcmp']);
  assert.equal(a?.restart.policy, 'on-failure');
  assert.equal(a?.restart.delayMs, 20);
  assert.equal(b?.mode, 'enforce');
  assert.equal(b?.limits.descriptors, 100);
  assert.equal(b?.limits.memoryMib, 64);
  assert.equal(b?.limits.cpuSeconds, undefined);
  assert.equal(b?.limits.processes, 4096);
  assert.ok(b?.hidden[0]?.endsWith('/data/x'));
  assert.equal(b?.limits.requestsPerSecond, 7);
  assert.equal(b?.visible.length, 1);
  assert.equal(b?.writable.length, 1);
});

test('loadConfig() gives each rule its file and line, those of presets too', () => {
  const { plugins } = load({
    'rules/git.yaml': 'allow:\n  - git.example.com\ndeny:\n  - "*.tracker.example.com"\n',
    'postern.yaml': `
defaults: {deny: [ads.example.com]}
plugins:
  web:
    command: [node]
    presets: [rules/git.yaml]
    allow:
      - api.example.com
`,
  });
  const places = (list: 'allow' | 'deny'): string[] =>
    (plugins[0]?.rules[list] ?? []).map(
      ({ text, place }) => `${text} ${place.replace(/^.*\/(?=rules|postern)/, '')}`,
    );
  assert.deepEqual(places('allow'), ['git.example.com rules/git.yaml:2', 'api.example.com postern.yaml:8']);
  assert.deepEqual(places('deny'), [
    'ads.example.com postern.yaml:2',
    '*.tracker.example.com rules/git.yaml:4',
  ]);
  assert.deepEqual(plugins[0]?.config.allow, ['git.example.com', 'api.example.com']);
});

// proves: more rules than can be checked in time are refused
test('loadConfig() takes a preset once, however often it is named, and a bounded sum of rules', () => {
  const rules = Array.from({ length: 3000 }, (_, index) => `h${index}.example.com`);
  const preset = `allow: [${rules.join()}]`;
  const often = `[${Array.from({ length: 2000 }, () => 'r.yaml').join()}]`;
  const one = load({ 'r.yaml': preset, 'postern.yaml': `plugins: {a: {command: [x], presets: ${often}}}` });
  assert.deepEqual(one.plugins[0]?.config.allow, rules);
  const many = Array.from({ length: 167 }, (_, index) => `p${index}: {command: [x]}`).join();
  assert.throws(
    () => load({ 'r.yaml': preset, 'postern.yaml': `defaults: {presets: [r.yaml]}\nplugins: {${many}}` }),
    /plugins\.p166: this plugin and those above have more than 500000 rules together; name fewer/,
  );
});

test('loadConfig() takes an anchor and its aliases', () => {
  const { plugins } = load({
    'postern.yaml': `
plugins:
  a: {command: [x], allow: &common [api.example.com]}
  b: {command: [y], allow: *common}
`,
  });
  assert.deepEqual(plugins[1]?.config.allow, ['api.example.com']);
});

test('paths of a configuration are relative to its file', () => {
  const folder = folderWith({
    'a/postern.yaml': 'plugins: {web: {command: [x], cwd: ../b, home: ./kept}}\naudit: log/audit.json\n',
    'a/log/other.json': '',
    'b/x': '',
  });
  const config = loadConfig(join(folder, 'a/postern.yaml'));
  assert.equal(config.plugins[0]?.config.cwd, join(folder, 'b'));
  assert.equal(config.plugins[0]?.config.home, join(folder, 'a/kept'));
  assert.equal(config.audit, join(folder, 'a/log/audit.json'));
});

test('the audit log is a destination, or a map that also says what happens when it is full', () => {
  const forms = {
    '': ['stderr', 'drop', 'postern'],
    'audit: stdout': ['stdout', 'drop', 'postern'],
    'audit: {to: stdout}': ['stdout', 'drop', 'postern'],
    'audit: {when_full: block}': ['stderr', 'block', 'postern'],
    'audit: {to: stdout, when_full: block}': ['stdout', 'block', 'postern'],
    'audit: {format: ocsf}': ['stderr', 'drop', 'ocsf'],
  };
  for (const [written, expected] of Object.entries(forms)) {
    const config = load({ 'postern.yaml': `plugins: {web: {command: [x]}}\n${written}\n` });
    assert.deepEqual([config.audit, config.auditWhenFull, config.auditFormat], expected, written);
  }
});
