// postern.yaml: the reader yields a configuration as its type promises, or problems. Their places lie within the file, and their lines are
// safe on a terminal.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConfigError } from '../../../shared/config/config-problem.js';
import { type Config, loadConfig } from '../../../shared/config/load-config.js';
import { PLUGIN_NAME, VARIABLE_NAME } from '../../../shared/config/plugin-config.js';
import { compilePolicy } from '../../../shared/policy/compile-policy.js';
import type { FuzzTarget } from '../fuzz-target.js';

const folder = mkdtempSync(join(tmpdir(), 'postern-fuzz-config-'));
const path = join(folder, 'postern.yaml');
writeFileSync(join(folder, 'rules.yaml'), 'allow: [example.org]\n');
const keys = [
  'plugins',
  'command',
  'allow',
  'deny',
  'listen',
  'defaults',
  'presets',
  'env',
  'limits',
  'restart',
  'after',
];

export const target: FuzzTarget = {
  name: 'config',
  maxBytes: 4096,
  slowMs: 1500,
  tokens: [
    ...keys.flatMap((key) => [`${key}: `, `\n  ${key}:`]),
    ...[
      'metrics: 127.0.0.1:9464\n',
      '{',
      '}',
      '[',
      ']',
      ', ',
      '- ',
      '\n',
      '  ',
      '\t',
      '"',
      "'",
      '#',
      '|',
      '>-',
      '? ',
    ],
    ...[
      '&a ',
      '*a',
      '&a [*a, *a]',
      '<<: *a',
      '!!binary ',
      '!!set ',
      '!!float ',
      '!x ',
      '---\n',
      '...\n',
      '%YAML 1.1\n',
      '~',
    ],
    ...[
      '__proto__: ',
      'constructor: ',
      '1e999',
      '.nan',
      '0x10',
      '0o7',
      '\r\n',
      '\u0000',
      '\u2028',
      '\ufeff',
      '\u001b[2J',
    ],
    ...[
      '[::1]:443',
      '*.example.com',
      './rules.yaml',
      '{name: http, address: 127.0.0.1:8080}',
      '1s',
      '[[[[[[[[',
      '{{{{{{{{',
    ],
    Buffer.from([0xff, 0xfe]),
  ],
  run: (bytes) => {
    writeFileSync(path, bytes);
    try {
      mustHold(loadConfig(path));
      return 'a configuration';
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      mustBePlaced(error, Buffer.from(bytes).toString('utf8'));
      return error.problems
        .slice(0, 2)
        .map(({ message }) => message.replace(/"[^"]*"|\d+|\S+\.\S+/g, '').slice(0, 40))
        .join('; ');
    }
  },
  close: () => rmSync(folder, { recursive: true }),
};

function mustHold({ plugins, audit }: Config): void {
  assert.ok(plugins.length > 0);
  assert.ok(audit === 'stderr' || audit === 'stdout' || isAbsolute(audit));
  const names = plugins.map(({ config }) => config.name);
  assert.equal(new Set(names).size, names.length);
  for (const { config, rules, after } of plugins) {
    assert.match(config.name, PLUGIN_NAME);
    assert.ok(config.command.length > 0 && config.command[0] !== '');
    for (const path of [config.cwd, ...config.visible, ...config.writable]) assert.ok(isAbsolute(path), path);
    for (const [variable, value] of Object.entries(config.env)) {
      assert.match(variable, VARIABLE_NAME);
      assert.equal(typeof value, 'string');
    }
    assert.ok(
      Object.values(config.limits).every((limit) => limit === undefined || Number.isSafeInteger(limit)),
    );
    assert.ok(after.every((name) => names.includes(name) && name !== config.name));
    const compiled = compilePolicy({ allow: config.allow, deny: config.deny, mode: config.mode });
    assert.ok(compiled.ok, 'its rules compile');
    for (const { place } of [...rules.allow, ...rules.deny]) assert.match(place, /^\/.*:\d+$/s);
  }
}

function mustBePlaced({ problems, message }: ConfigError, text: string): void {
  assert.ok(problems.length > 0);
  assert.equal(message.split('\n').length, problems.length, 'a line for each problem');
  assert.doesNotMatch(
    message.replaceAll('\n', ''),
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u,
    'a terminal acts on it',
  );
  const lines = text.split('\n');
  for (const { file, line, column = 1 } of problems) {
    if (file !== path || line === undefined) continue;
    assert.ok(Number.isInteger(line) && line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
    const length = lines[line - 1]?.length ?? 0;
    assert.ok(column >= 1 && column <= length + 1, `column ${column} of ${length} in line ${line}`);
  }
}
