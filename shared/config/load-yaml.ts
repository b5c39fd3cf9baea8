// Loads the YAML library when the first text is read.
import { createRequire } from 'node:module';
import { bundlePath } from '../own-files.js';
import type * as YamlLibrary from './yaml-library.js';

const require = createRequire(import.meta.url);
let loaded: typeof YamlLibrary | undefined;

export function yaml(): typeof YamlLibrary {
  loaded ??= require(bundlePath('yaml')) as typeof YamlLibrary;
  return loaded;
}
