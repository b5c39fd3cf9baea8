// Prints an answer once, or again and again as it changes (--watch).
import { asciiJson } from '../../../shared/ascii-json.js';
import { say } from '../say.js';
import { useWaitingStreams } from '../waiting-streams.js';
import type { ControlClient, News } from './control-client.js';

const CLEAR = '\u001b[H\u001b[2J';

export interface Question {
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
