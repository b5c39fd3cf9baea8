// A program's folder as a user of the package has it: postern and the libraries in node_modules, and the program that a test
// writes, run by the real command.
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type PosternResult, postern } from '../harness/postern.js';
import { distFor, readableFolder, type User } from '../harness/users.js';

const top = join(distFor('root'), '..');
const TIMEOUT_MS = 60_000;

export interface Program {
  readonly source: string;
  readonly as: User;
  readonly allow?: readonly string[];
  /** Node's own arguments, before the program. */
  readonly node?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly visible?: readonly string[];
}

export class Project {
  readonly folder: string = readableFolder();
  #programs = 0;

  /** @param libraries packages of devDependencies, copied with all that they need */
  constructor(...libraries: string[]) {
    // Otherwise Node would look for the project's own package in the folders above.
    this.write('package.json', '{"private": true}\n');
    const modules = join(this.folder, 'node_modules');
    mkdirSync(join(modules, 'postern'), { recursive: true });
    for (const folder of ['run', 'sandbox', 'shared']) {
      cpSync(join(top, 'dist', folder), join(modules, 'postern/dist', folder), { recursive: true });
    }
    cpSync(join(top, 'package.json'), join(modules, 'postern/package.json'));
    const copied = new Set<string>();
    copyDependencies(top, this.folder, copied);
    for (const library of libraries) copyPackage(library, top, this.folder, copied);
  }

  write(name: string, content: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o644 });
    return path;
  }

  run(program: Program): Promise<PosternResult> {
    const { allow = [], visible = [], env = {}, node = [], args = [] } = program;
    this.#programs += 1;
    const path = this.write(`program-${this.#programs}.mjs`, program.source);
    const words = [
      ...allow.flatMap((rule) => ['--allow', rule]),
      ...visible.flatMap((shown) => ['--visible', shown]),
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ];
    return postern(['run', '--egress', 'channel', ...words, '--', process.execPath, ...node, path, ...args], {
      as: program.as,
      cwd: this.folder,
      timeoutMs: TIMEOUT_MS,
    });
  }

  /** Runs a program that ends with 0, and parses its output: one JSON value per line. */
  async lines(program: Program): Promise<unknown[]> {
    const { status, signal, stdout, stderr } = await this.run(program);
    assert.equal(status ?? signal, 0, `${stdout}\n${stderr}`);
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  }
}

function copyDependencies(from: string, to: string, copied: Set<string>): void {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(from, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    copyPackage(name, from, to, copied);
  }
}

/** Copies a package to the place that it has in this project's node_modules, nested ones too. */
function copyPackage(name: string, from: string, to: string, copied: Set<string>): void {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  const found = paths.map((path) => join(path, name)).find((path) => existsSync(join(path, 'package.json')));
  // An optional one for another machine.
  if (found === undefined || copied.has(found)) return;
  copied.add(found);
  const place = join(to, relative(top, found));
  mkdirSync(dirname(place), { recursive: true });
  cpSync(found, place, { recursive: true });
  copyDependencies(found, to, copied);
}
