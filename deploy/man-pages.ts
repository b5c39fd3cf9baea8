// The man pages: postern(1), one for each command, and postern.yaml(5). They are made of the commands themselves and of the schema of postern.yaml.
// The build writes them in man(7), which every Linux shows; a page needs five macros of it, so no library converts other text.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allFacts } from '../sandbox/cli/all-commands.js';
import { type CommandFacts, type OptionFacts, withParts } from '../sandbox/cli/command-facts.js';
import { VERSION } from '../shared/bundles.js';
import { configSections } from './reference/config-page.js';

/** @param top the folder of the project @param folder where the pages go. Others in it are removed */
export function writeManPages(top: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const date = releaseDate(readFileSync(join(top, 'CHANGELOG.md'), 'utf8'), VERSION);
  for (const [name, text] of manPages(date)) writeFileSync(join(folder, name), text);
}

/** @returns the date in the heading of a version; empty before its release */
function releaseDate(changelog: string, version: string): string {
  return new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - (\\S+)$`, 'm').exec(changelog)?.[1] ?? '';
}

/** @returns each page by the name of its file */
function manPages(date: string): ReadonlyMap<string, string> {
  const postern = allFacts();
  const commands = postern.parts.map((facts): [string, string] => [
    `${nameOf(facts)}.1`,
    commandPage(facts, date),
  ]);
  return new Map([
    ['postern.1', commandPage(postern, date)],
    ...commands,
    ['postern.yaml.5', configManPage(date)],
  ]);
}

function nameOf({ words }: CommandFacts): string {
  return ['postern', ...words].join('-');
}

function commandPage(facts: CommandFacts, date: string): string {
  const name = nameOf(facts);
  const [first = facts, ...parts] = withParts(facts.words.length === 0 ? { ...facts, parts: [] } : facts);
  const forms = [first, ...parts, ...(facts.otherForm === undefined ? [] : [facts.otherForm])];
  return [
    heading(name, 1, date, facts.description),
    '.SH SYNOPSIS',
    forms
      .map((form) => `.B ${roff(['postern', ...form.words].join(' '))}\n${roff(form.usage)}`)
      .join('\n.br\n'),
    ...bodyOf(first),
    ...(facts.words.length === 0 ? commandList(facts) : []),
    ...(facts.otherForm === undefined ? [] : formOf('For a running plugin', facts.otherForm)),
    ...parts.flatMap((part) => formOf(part.words.join(' '), part)),
    ...afterwards(forms),
    '.SH SEE ALSO',
    facts.words.length === 0 ? '.BR postern.yaml (5)' : '.BR postern (1),\n.BR postern.yaml (5)',
    '',
  ].join('\n');
}

function heading(name: string, section: number, date: string, description: string): string {
  return `.TH ${quoted(name.toUpperCase())} ${section} ${quoted(date)} ${quoted(`postern ${VERSION}`)}
.SH NAME
${roff(name)} \\- ${roff(description)}`;
}

function bodyOf(facts: CommandFacts): readonly string[] {
  const operands = facts.operands.filter(isDescribed);
  const groups = new Map<string, OptionFacts[]>();
  for (const option of facts.options)
    groups.set(option.heading, [...(groups.get(option.heading) ?? []), option]);
  return [
    ...(operands.length === 0 ? [] : ['.SH ARGUMENTS']),
    ...operands.flatMap(({ name, description }) => entry(name, description)),
    '.SH OPTIONS',
    ...[...groups].flatMap(([title, options]) => [
      ...(groups.size === 1 ? [] : [`.SS ${quoted(title)}`]),
      ...options.flatMap(({ term, description }) => entry(term, description)),
    ]),
  ];
}

/** Another form of a command, or one behind it. */
function formOf(title: string, { description, operands, options }: CommandFacts): readonly string[] {
  return [
    `.SH ${quoted(title.toUpperCase())}`,
    roff(description),
    ...operands.filter(isDescribed).flatMap(({ name, description }) => entry(name, description)),
    ...options.flatMap((option) => entry(option.term, option.description)),
  ];
}

function isDescribed({ description }: { readonly description: string }): boolean {
  return description !== '';
}

function commandList({ parts }: CommandFacts): readonly string[] {
  return [
    '.SH COMMANDS',
    ...parts.flatMap((part) => ['.TP', `.BR ${roff(nameOf(part))} (1)`, roff(part.description)]),
  ];
}

/** What stands below the options in the help of all forms. Examples are indented there, and keep their lines. */
function afterwards(forms: readonly CommandFacts[]): readonly string[] {
  const titles = { EXAMPLES: /^Examples?:\n/, 'EXIT STATUS': /^Exit status: /, NOTES: /^/ } as const;
  const all = forms.flatMap(({ after }) => after.split(/\n{2,}|\n(?=Exit status:)/));
  const blocks = [...new Set(all)].filter((block) => block !== '');
  return Object.entries(titles).flatMap(([title, begin]) => {
    const own = blocks.filter((block) => Object.values(titles).find((one) => one.test(block)) === begin);
    const texts = own.map((block) => {
      const text = roff(block.replace(begin, ''));
      return title === 'EXAMPLES' ? `.nf\n${text}\n.fi` : text;
    });
    return texts.length === 0 ? [] : [`.SH ${quoted(title)}`, texts.join('\n.PP\n')];
  });
}

function configManPage(date: string): string {
  return [
    heading('postern.yaml', 5, date, 'the plugins that postern runs, and what each may connect to'),
    '.SH DESCRIPTION',
    roff(
      'postern init writes a first file, postern check reports every mistake in one, and postern up runs it.',
    ),
    roff('Paths are relative to the folder of the file. An unknown key is an error.'),
    ...configSections().flatMap(({ title, rows }) => [
      `.SH ${quoted(title.toUpperCase())}`,
      ...rows.flatMap(([key = '', value = '', usual = '', meaning = '']) =>
        entry(
          plain(key),
          plain([value, usual === '' ? '' : `default ${usual}`].filter(Boolean).join(', '), meaning),
        ),
      ),
    ]),
    '.SH SEE ALSO',
    '.BR postern (1),\n.BR postern-check (1)',
    '',
  ].join('\n');
}

/** Markdown of a table's cells. */
function plain(...cells: readonly string[]): string {
  return cells
    .filter((cell) => cell !== '')
    .join('. ')
    .replace(/`/g, '')
    .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replace('default required', 'required');
}

function entry(term: string, description: string): readonly string[] {
  return ['.TP', `.B ${roff(term)}`, roff(description)];
}

/** Text for groff, in ASCII: a hyphen that can be pasted, and no line that begins with a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replace(
      /[^\0-\x7f]/gu,
      (one) => `\\[u${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^(?=[.'])/gm, '\\&');
}

function quoted(text: string): string {
  return `"${roff(text).replaceAll('"', '\\(dq')}"`;
}
