// Requests through gateways as a table, in the live page and in reports.
import type { JSX } from 'preact';
import type { RequestSum } from './gateway-requests.js';
import { Chip, Code, Count, Table, Text } from './parts.js';

export function RequestTable({
  rows,
  more,
}: {
  readonly rows: readonly RequestSum[];
  readonly more: number;
}): JSX.Element {
  return (
    <Table
      label="Requests through gateways, by method and path"
      empty="No request has come that fits."
      rows={rows}
      more={more}
      keyOf={({ plugin, host, method, path }) => JSON.stringify([plugin, host, method, path])}
      columns={[
        { title: 'Plugin', cell: ({ plugin }) => <Text of={plugin} /> },
        { title: 'Method', cell: ({ method }) => <Text of={method} /> },
        { title: 'Host and path', cell: ({ host, path }) => <Text of={`${host}${path}`} /> },
        { title: 'Times', right: true, cell: ({ count }) => count },
        {
          title: 'Refused',
          right: true,
          cell: ({ refused }) => (refused === 0 ? 0 : <Chip tone="bad">{refused}</Chip>),
        },
        { title: 'Last status', right: true, cell: ({ status }) => status },
        { title: 'Slowest', right: true, wide: true, cell: ({ slowestMs }) => `${Math.round(slowestMs)} ms` },
        { title: 'Bytes', right: true, wide: true, cell: ({ bytes }) => <Count of={bytes} /> },
        {
          title: 'Rule that would allow it',
          wide: true,
          cell: ({ suggestion }) => (suggestion === undefined ? '-' : <Code of={suggestion} />),
        },
      ]}
    />
  );
}
