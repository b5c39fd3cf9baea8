// What the commands share that ask a running supervisor: finding it, options, tables, news.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { CommandName } from '../command-table.js';
import { makeCommand } from '../program.js';
import { describeError, paint, say } from '../say.js';
import { useWaitingStreams, writeOut } from '../waiting-streams.js';
import {
  type ControlClient,
  type ControlOptions,
  connectControl,
  findControl,
  type News,
} from './control-client.js';

// What all commands of an operator share: their options, the connection, errors and exit status.

export interface AskOptions extends ControlOptions {
  readonly json?: boolean;
}

const EXIT = `
It finds the running postern by --control, else by ./postern.yaml or --config, else it takes the only one of this user.
Exit status: 0, 1 where postern refuses or is not reached, 2 for wrong usage.`;

export function controlCommand(name: CommandName, examples: readonly string[]): Command {
  return makeCommand(name)
    .option('--control <path>', 'the control socket (default: that of ./postern.yaml, else the only one)')
    .option('--config <file>', 'the file that the running postern was started with')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((one) => `  postern ${one}`).join('\n')}\n${EXIT}`);
}

/** Asks the running supervisor, and ends this process. @param ask returns the exit status @param hint a line after an error */
export async function withControl(
  options: ControlOptions,
  ask: (client: ControlClient) => Promise<number>,
  hint?: string,
): Promise<never> {
  let status: number;
  try {
    status = await ask(await openControl(options));
  } catch (error) {
    say([...describeError(error), ...(hint === undefined ? [] : [hint])]);
    status = error instanceof PosternError && error.code === 'usage' ? 2 : 1;
  }
  await writeOut();
  process.exit(status);
}

/** @throws PosternError `control_unreachable`; ConfigError */
export async function openControl(options: ControlOptions): Promise<ControlClient> {
  const found = await findControl(options);
  const { path, config } = found;
  const client = await connectControl(found);
  if (config === undefined) return client;
  const facts = (await client.call('supervisor', {})) as { readonly config?: unknown };
  if (/* protects: G21 control: a command asks no other project => true */ facts.config === config)
    return client;
  client.close();
  throw new PosternError(
    'control_unreachable',
    `The postern at "${path}" runs "${facts.config}", and not "${config}"`,
    { fix: `name it by --control "${path}" if it is meant, or start "postern up" here` },
  );
}

// An option whose value is a whole number above 0.

export function countOption(flags: string, description: string, usual: number): Option {
  return optionalCount(flags, description).default(usual);
}

export function optionalCount(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string): number => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number above 0.');
    return Number(text);
  });
}

// A table for people: columns in line, a head in bold on a terminal. Texts of plugins are escaped.

/** @param right the columns of numbers, which stand to the right */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        if (right.includes(column)) return cell.padStart(width);
        return column === row.length - 1 ? cell : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [paint(line(head), 'bold'), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

/** @returns for example `3d 4h`, `5m 10s` or `2s` */
export function lasted(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units: readonly (readonly [string, number])[] = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['m', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ];
  const first = units.findIndex(([, number]) => number > 0);
  return units
    .slice(first < 0 ? 3 : first, (first < 0 ? 3 : first) + 2)
    .map(([unit, number]) => `${number}${unit}`)
    .join(' ');
}

// Prints an answer once, or again and again as it changes (--watch).

const CLEAR = '\u001b[H\u001b[2J';

interface Question {
  readonly method: string;
  readonly params: unknown;
  readonly json: boolean;
  readonly watch: boolean;
  readonly intervalMs?: number | undefined;
  readonly describe: (answer: never) => string;
  /** One line for an event that is watched; without it, states are watched. */
  readonly describeEvent?: (event: never) => string;
}

/** @returns the exit status */
export async function printAnswer(client: ControlClient, question: Question): Promise<number> {
  const { method, params, json, watch, describe, describeEvent } = question;
  const show = (answer: unknown): string => (json ? `${asciiJson(answer)}\n` : describe(answer as never));
  if (!watch) {
    process.stdout.write(show(await client.call(method, params)));
    return 0;
  }
  useWaitingStreams();
  // A reader that is gone, as behind `| head`, wants no more.
  process.stdout.once('error', () => process.exit(0));
  const told = (news: News): string => {
    if (describeEvent === undefined)
      return `${process.stdout.isTTY === true && !json ? CLEAR : ''}${show(news.state)}`;
    const event = json ? `${asciiJson(news.event)}\n` : describeEvent(news.event as never);
    if (news.missed !== undefined) say(`${news.missed} more came too fast, and are left out`);
    return event;
  };
  let early: News[] | undefined = [];
  const now = await client.watch(method, params, question.intervalMs, (news) => {
    if (early === undefined) process.stdout.write(told(news));
    else early.push(news);
  });
  process.stdout.write(describeEvent === undefined ? told({ state: now }) : show(now));
  for (const news of early) process.stdout.write(told(news));
  early = undefined;
  await client.ended;
  say('postern has ended, or closed the connection');
  return 1;
}
