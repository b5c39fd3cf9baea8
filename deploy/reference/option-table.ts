// The table of socket options in docs/differences.md: what is not carried to a connected socket, and what is refused.
import { type OptionKind, SOCKET_OPTIONS } from '../../shared/sys/option-table.js';
import { code, table } from './markdown.js';

/** What happens. An option of another kind is as outside. */
const HAPPENS: Readonly<Partial<Record<OptionKind, string>>> = {
  with_keep_alive: 'carried if the program has set SO_KEEPALIVE or TCP_KEEPIDLE too',
  unix: 'carried for an AF_UNIX socket alone',
  left: 'not carried',
  off: '0, and the option stays off',
  refused: 'EPERM',
};

export function optionTable(): string {
  const rows = new Map<
    string,
    { readonly names: Set<string>; readonly happens: string; readonly why: string }
  >();
  for (const { name, kind, why } of SOCKET_OPTIONS) {
    const happens = HAPPENS[kind];
    if (happens === undefined) continue;
    const row = rows.get(why) ?? { names: new Set(), happens, why };
    rows.set(why, row);
    row.names.add(code(name));
  }
  return table(
    ['option', 'what happens', 'reason'],
    [...rows.values()].map(({ names, happens, why }) => [[...names].join(', '), happens, why]),
  );
}
