// Parses a line of a retiring broker with names that its DNS gave a sandbox. Runs in the supervisor, which does not trust the broker: a grant
// stays fresh for as long as any grant may. It allows nothing by itself.
import { GIVEN_NAMES_A_LINE, MIN_GRANT_MS } from '../../../shared/limits.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseName } from '../../../shared/policy/parse-host.js';
import type { GivenName, GivenNamesLine } from '../../../shared/protocol/link.js';

/** @returns undefined for any other line */
export function readGivenNames(line: Readonly<Record<string, unknown>>): GivenNamesLine | undefined {
  const { type, session, names } = line;
  if (type !== 'given_names' || typeof session !== 'number' || !Array.isArray(names)) return undefined;
  return { type, session, names: names.slice(0, GIVEN_NAMES_A_LINE).flatMap((one) => readName(one) ?? []) };
}

function readName(value: unknown): GivenName | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { address, name, freshMs } = value as Readonly<Record<string, unknown>>;
  if (typeof address !== 'string' || parseAddress(address)?.text !== address) return undefined;
  if (typeof name !== 'string' || parseName(name) !== name) return undefined;
  if (freshMs === null) return { address, name, freshMs };
  if (typeof freshMs !== 'number' || !(freshMs >= 0)) return undefined;
  return {
    address,
    name,
    freshMs: /* protects: G13 a retiring broker makes no grant that lasts => freshMs */ Math.min(
      freshMs,
      MIN_GRANT_MS,
    ),
  };
}
