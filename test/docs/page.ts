// A page of the documents as the tests read it: its blocks of commands, the output shown behind them, and the files that it names.
// What a page shows is run or compared; `unused` tells what no test has asked for.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const TOP: string = fileURLToPath(new URL('../../..', import.meta.url));

interface Block {
  readonly language: string;
  readonly text: string;
  /** The name in backquotes, where a file's name and a colon end the text before the block. */
  readonly file: string | undefined;
}

/** Commands, and what stands as their output behind them. */
export interface Commands {
  readonly text: string;
  readonly lines: readonly string[];
  readonly shown: string;
}

const BLOCK = /^```(\w*)\n([\s\S]*?)^```$/gm;
const FILE_NAME = /`([\w-]+\.\w+)`:\n+$/;

export class Page {
  readonly path: string;
  readonly text: string;
  readonly #blocks: readonly Block[];
  readonly #used = new Set<Block>();

  /** @param path from the checkout's top */
  constructor(path: string) {
    this.path = path;
    this.text = readFileSync(join(TOP, path), 'utf8');
    this.#blocks = [...this.text.matchAll(BLOCK)].map((match) => ({
      language: match[1] ?? '',
      text: match[2] ?? '',
      file: FILE_NAME.exec(this.text.slice(0, match.index))?.[1],
    }));
  }

  /** The block of commands that has a word in it, and the block of output behind it. */
  commands(word: string): Commands {
    const at = this.#blocks.findIndex(({ language, text }) => language === 'sh' && text.includes(word));
    const block = this.#blocks[at];
    assert.ok(block !== undefined, `${this.path} has no commands with "${word}"`);
    this.#used.add(block);
    const next = this.#blocks[at + 1];
    const text = block.text.trimEnd();
    return { text, lines: text.split('\n'), shown: next?.language === '' ? next.text : '' };
  }

  /** The first block in a language. */
  block(wanted: string): string {
    const block = this.#blocks.find(({ language }) => language === wanted);
    assert.ok(block !== undefined, `${this.path} has no block of ${wanted}`);
    this.#used.add(block);
    return block.text;
  }

  /** The first block below a heading. */
  below(heading: string): string {
    const from = this.text.indexOf(`\n${heading}\n`);
    assert.ok(from >= 0, `${this.path} has no heading "${heading}"`);
    return (
      this.text
        .slice(from)
        .split(/^```\w*\n/m)[1]
        ?.split(/^```$/m)[0] ?? ''
    );
  }

  /** The output shown that begins so. */
  output(start: string): string {
    const block = this.#blocks.find(({ language, text }) => language === '' && text.startsWith(start));
    assert.ok(block !== undefined, `${this.path} shows no output "${start}"`);
    return block.text;
  }

  /** What stands below a file's name. */
  file(name: string): string {
    const block = this.#blocks.find(({ file }) => file === name);
    assert.ok(block !== undefined, `${this.path} shows no file "${name}"`);
    this.#used.add(block);
    return block.text;
  }

  /** Writes files of the page into a folder, as its reader does. */
  writeFiles(folder: string, ...names: readonly string[]): void {
    for (const name of names) writeFileSync(join(folder, name), this.file(name), { mode: 0o644 });
  }

  /** The blocks of commands and the files that no test has asked for. */
  unused(): readonly string[] {
    return this.#blocks
      .filter((block) => (block.language === 'sh' || block.file !== undefined) && !this.#used.has(block))
      .map(({ text }) => text);
  }
}

/** The last test of a page's test file. */
export function testThatAllWasRun(page: Page): void {
  test(`every block of commands and every file in ${page.path} was run`, () => {
    assert.deepEqual(page.unused(), []);
  });
}
