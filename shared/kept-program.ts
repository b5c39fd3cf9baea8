// A program of postern that is rarely needed. Its text is read at the start: later the broker may be unable to read the file, and an update may
// have replaced it. V8 compiles it when it is first needed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { type Bundle, bundlePath } from './bundles.js';

/** What a CommonJS module is called with. */
const PARAMETERS = ['exports', 'require', 'module', '__filename'];

/**
 * Reads a program, which must be a CommonJS module.
 *
 * @returns what gives its exports
 * @throws Error of readFileSync() if it cannot be read
 */
export function keepProgram<Exports extends object>(name: Bundle): () => Exports {
  const filename = bundlePath(name);
  const text = readFileSync(filename);
  let exports: Exports | undefined;
  return () => {
    exports ??= run<Exports>(filename, text.toString());
    return exports;
  };
}

function run<Exports extends object>(filename: string, text: string): Exports {
  const module = { exports: {} };
  const program = compileFunction(text, PARAMETERS, { filename });
  program(module.exports, createRequire(filename), module, filename);
  return module.exports as Exports;
}
