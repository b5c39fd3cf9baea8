// What else uses the processors. Figures of a busy machine are not recorded.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandOf } from '../harness/processes.js';

const LOOK_MS = 2_000;
/** In processors. */
const BUSY = 0.1;
/** A process that uses less is not named. */
const NAMED = 0.02;
/** proc_pid_stat(5) and proc_stat(5) count in these. */
const TICKS_A_SECOND = 100;
const SHOWN = 5;

/** Watches the machine for a moment, while this process waits. @returns what keeps it busy; undefined if nothing does */
export async function whatIsBusy(milliseconds: number = LOOK_MS): Promise<string | undefined> {
  const [before, all] = [ticksOfEach(), busyTicks()];
  await sleep(milliseconds);
  const ticks = (milliseconds / 1_000) * TICKS_A_SECOND;
  const used = (busyTicks() - all) / ticks;
  if (used < BUSY) return undefined;
  const busy = [...ticksOfEach()]
    .map(([pid, now]) => ({ pid, share: (now - (before.get(pid) ?? 0)) / ticks }))
    .filter(({ pid, share }) => share >= NAMED && pid !== process.pid)
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN)
    .map(({ pid, share }) => `${percent(share)} ${pid} ${commandOf(pid).slice(0, 60).trim()}`);
  return `${percent(used)} of a processor is in use: ${busy.join('; ') || 'by processes that are not seen here'}`;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** All processors, but for the time in which they are idle, or wait for a disk. */
function busyTicks(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  return user + nice + system + irq + softirq + steal;
}

function ticksOfEach(): Map<number, number> {
  const all = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
      all.set(Number(name), Number(fields[11]) + Number(fields[12]));
    } catch {
      // It has ended.
    }
  }
  return all;
}
