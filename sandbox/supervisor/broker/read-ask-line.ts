// Parses a line of the broker about a question of a plugin. Runs in the supervisor, which does not trust the broker.
import { ASK_DOORS, type BrokerLine } from '../../../shared/protocol/link.js';

/** Characters of a host, and of the name of a program. */
const MOST_HOST = 256;
const MOST_PROGRAM = 64;

/** @returns undefined for any other line */
export function readAskLine(line: Readonly<Record<string, unknown>>): BrokerLine | undefined {
  const { type, plugin, id, host, port, address, door, pid, program } = line;
  if (typeof plugin !== 'string' || typeof id !== 'number') return undefined;
  if (type === 'ask_ended') return { type, plugin, id };
  const known = ASK_DOORS.find((one) => one === door);
  if (type !== 'asked' || known === undefined || typeof port !== 'number') return undefined;
  if (typeof host !== 'string' || host.length > MOST_HOST) return undefined;
  if ((pid !== null && typeof pid !== 'number') || (program !== null && typeof program !== 'string'))
    return undefined;
  if (address !== null && typeof address !== 'string') return undefined;
  return {
    type,
    plugin,
    id,
    host,
    port,
    address,
    door: known,
    pid,
    program: program?.slice(0, MOST_PROGRAM) ?? null,
  };
}
