// postern init: writes a first, commented postern.yaml that `check` accepts as it is.
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { DEFAULT_CONFIG, DIST } from '../../shared/bundles.js';
import { printable } from '../../shared/printable.js';
import { shellWord } from '../host/shell-word.js';
import { NewFile } from './describe-learnt.js';
import { makeCommand } from './program.js';
import { describeError, say } from './say.js';

const USUAL = `./${DEFAULT_CONFIG}`;
const SCHEMA = join(DIST, 'postern.schema.json');

export function initCommand(): Command {
  return makeCommand('init')
    .argument('[file]', 'the file', USUAL)
    .addHelpText(
      'after',
      `
Example:
  postern init && postern check && postern up

Exit status: 0, 1 where the file exists already or cannot be written, 2 for wrong usage.`,
    )
    .action((file: string) => {
      process.exitCode = writeFirst(file);
    });
}

function writeFirst(file: string): number {
  try {
    new NewFile(file).write(firstFile(schemaFor(file)));
  } catch (error) {
    say(describeError(error), 'error');
    return 1;
  }
  // The other commands find the usual file by themselves.
  const it = file === USUAL ? '' : ` ${shellWord(file)}`;
  process.stdout.write(`Wrote ${printable(file)}. Next: postern check${it}, then postern up${it}\n`);
  return 0;
}

/** A relative path where postern is installed inside the project, so that it moves along; else the full address. */
function schemaFor(file: string): string {
  const near = relative(dirname(resolve(file)), SCHEMA);
  return near.startsWith('..') || isAbsolute(near) || !existsSync(SCHEMA)
    ? pathToFileURL(SCHEMA).href
    : `./${near}`;
}

function firstFile(schema: string): string {
  return `# yaml-language-server: $schema=${schema}
# postern runs each plugin below in its own network. Only connections that its rules allow lead out.
# "postern check" checks this file, "postern explain PLUGIN HOST:PORT" shows what a rule does, "postern up" runs it.

# metrics: 127.0.0.1:9464      # /metrics for Prometheus, /healthz; no port without it
audit: stderr                  # each decision as a line of JSON: stderr, stdout, or a path

# For all plugins. Lists are added to a plugin's own; single values give way to them.
defaults:
  deny: ["@metadata"]          # cloud metadata services, whatever else is allowed
  # presets: [./rules/git.yaml]  # rules kept in other files, each with allow: and deny: lists

plugins:
  hello:
    # The program and its arguments; no shell reads them. Paths are relative to this file.
    command: [sh, -c, "echo I run, and reach only what a rule allows"]

    # What it may connect to, on port 443 by default. Quote a rule that begins with * or @ or has brackets:
    #   api.example.com          "*.example.com:443,8443"      names
    #   10.1.0.0/16:5432         "[2001:db8::/32]:443"         addresses
    allow: [api.example.com]
    # deny: [tracker.example.com]  # wins over allow; without a port, every port

    # Of the variables outside it sees PATH, LANG, TZ and a few more.
    env: {LOG_LEVEL: info}
    # cwd: .                     # where it starts; visible to it, read-only
    # filesystem: {visible: [./templates], writable: [./out], hidden: [./templates/private]}
    # home: ./home               # its HOME, kept for its next runs; else each run has an empty one
    # restart: {policy: on-failure, delay_ms: 1000, max_delay_ms: 60000}
    # limits: {processes: 64, memory_mib: 512, cpu_seconds: 600, tmp_mib: 256}
    # after: [database]          # started after that one, stopped before it
    # mode: audit                # allows and reports what no rule allows
`;
}
