// Writes a report as one page: no script, nothing from elsewhere, and a policy that forbids both. So what a plugin chose stays text wherever the file is opened.
// Runs in Node.
import { createHash } from 'node:crypto';
import type { JSX } from 'preact';
import { renderToString } from 'preact-render-to-string';
import { printable, yamlText } from '../../shared/printable.js';
import css from './page.css';
import { Chip, Code, Count, Table, Text, timeOf } from './parts.js';
import { RequestTable } from './request-table.js';
import type { DestinationSum, NameSum, RefusalSum, Report, TimePart } from './summarize.js';

/** @returns HTML */
export function reportPage(report: Report): string {
  const digest = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>${renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policy} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{report.title}</title>
        <style dangerouslySetInnerHTML={{ __html: css }} />
      </head>
      <body>
        <Whole of={report} />
      </body>
    </html>,
  )}\n`;
}

function Whole({
  of: { title, source, version, at, summary, learnt },
}: {
  readonly of: Report;
}): JSX.Element {
  const { from, to, events, missing, plugins, timeline, destinations, refusals, names, requests } = summary;
  return (
    <>
      <header>
        <h1>
          <Text of={title} />
        </h1>
        <p class="facts">
          postern {version}, written {at.slice(0, 19).replace('T', ' ')} UTC from <Text of={source} />
        </p>
      </header>
      <main>
        <p>
          {events} events of{' '}
          {plugins.length === 0 ? 'no plugin' : <Text of={plugins.slice(0, 20).join(', ')} />}
          {from !== undefined && to !== undefined && (
            <>
              , from {from.slice(0, 19).replace('T', ' ')} to {to.slice(0, 19).replace('T', ' ')} UTC
            </>
          )}
          {missing > 0 && <>. {missing} events are missing in the log.</>}
        </p>
        {learnt !== undefined && <Learnt of={learnt} />}
        <h2>Time line</h2>
        <TimelineOf parts={timeline} from={from} to={to} />
        <h2>Refused, and the rules that would allow it</h2>
        <Table
          label="Refusals"
          empty="Nothing was refused."
          {...refusals}
          keyOf={({ plugin, place, reason, isAudit }) => `${plugin} ${place} ${reason} ${isAudit}`}
          columns={[
            { title: 'Plugin', cell: ({ plugin }: RefusalSum) => <Text of={plugin} /> },
            { title: 'Destination', cell: ({ place }) => <Text of={place} /> },
            { title: 'Times', right: true, cell: ({ count }) => count },
            { title: 'Program', wide: true, cell: ({ program }) => <Text of={program ?? '-'} /> },
            {
              title: 'Why',
              cell: ({ isAudit, reason }) => <Chip tone={isAudit ? 'warn' : 'bad'}>{reason}</Chip>,
            },
            {
              title: 'Rule',
              cell: ({ rules }) => rules.map((rule) => <Code key={rule} of={yamlText(rule)} />),
            },
          ]}
        />
        <h2>Destinations</h2>
        <Table
          label="Destinations"
          empty="Nothing was connected."
          {...destinations}
          keyOf={({ plugin, place }) => `${plugin} ${place}`}
          columns={[
            { title: 'Plugin', cell: ({ plugin }: DestinationSum) => <Text of={plugin} /> },
            { title: 'Destination', cell: ({ place }) => <Text of={place} /> },
            { title: 'Connects', right: true, cell: ({ connects }) => connects },
            {
              title: 'Failures',
              right: true,
              cell: ({ failures }) => (failures === 0 ? 0 : <Chip tone="warn">{failures}</Chip>),
            },
            { title: 'Sent', right: true, cell: ({ sent }) => <Count of={sent} /> },
            { title: 'Received', right: true, cell: ({ received }) => <Count of={received} /> },
            {
              title: 'Rule',
              wide: true,
              cell: ({ rule }) => (rule === undefined ? '-' : <Code of={rule} />),
            },
          ]}
        />
        <h2>Names</h2>
        <Table
          label="Names"
          empty="No name was looked up."
          {...names}
          keyOf={({ plugin, name }) => `${plugin} ${name}`}
          columns={[
            { title: 'Plugin', cell: ({ plugin }: NameSum) => <Text of={plugin} /> },
            { title: 'Name', cell: ({ name }) => <Text of={name} /> },
            { title: 'Look-ups', right: true, cell: ({ lookups }) => lookups },
            { title: 'Refused', right: true, cell: ({ refused }) => refused },
            { title: 'Failed', right: true, cell: ({ failed }) => failed },
            {
              title: 'Slowest',
              right: true,
              wide: true,
              cell: ({ slowestMs }) => `${Math.round(slowestMs)} ms`,
            },
          ]}
        />
        {requests.rows.length > 0 && (
          <>
            <h2>Requests through gateways</h2>
            <RequestTable {...requests} />
          </>
        )}
      </main>
    </>
  );
}

function Learnt({ of: { rules, notes } }: { readonly of: NonNullable<Report['learnt']> }): JSX.Element {
  return (
    <>
      <h2>Learnt rules</h2>
      {rules.length === 0 ? (
        <p>None: the program connected to nobody whom the rules do not allow.</p>
      ) : (
        <pre>
          <code>{printable(`allow: [${rules.map(yamlText).join(', ')}]`)}</code>
        </pre>
      )}
      <ul class="plain">
        {notes.map((note) => (
          <li key={note}>
            <Text of={note} />
          </li>
        ))}
      </ul>
    </>
  );
}

interface TimelineProps {
  readonly parts: readonly TimePart[];
  readonly from: string | undefined;
  readonly to: string | undefined;
}

const HEIGHT = 100;

/** Bars, one on the other. What they add up to stands below. */
function TimelineOf({ parts, from, to }: TimelineProps): JSX.Element {
  if (parts.length === 0 || from === undefined || to === undefined)
    return <p class="empty">Nothing happened.</p>;
  const sum = (what: keyof TimePart): number => parts.reduce((all, part) => all + part[what], 0);
  const most = Math.max(...parts.map(({ allowed, refused, failed }) => allowed + refused + failed));
  const words = `${sum('allowed')} allowed, ${sum('refused')} refused, ${sum('failed')} failed`;
  return (
    <>
      <svg
        class="timeline"
        viewBox={`0 0 ${parts.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={words}
      >
        {parts.map(({ allowed, refused, failed }, at) => {
          const tall = (count: number): number => (count / most) * HEIGHT;
          const bar = (tone: string, count: number, below: number): JSX.Element | false =>
            count > 0 && (
              <rect
                class={tone}
                x={at + 0.1}
                width={0.8}
                y={HEIGHT - tall(count) - tall(below)}
                height={tall(count)}
              />
            );
          return (
            <g key={at}>
              {bar('good', allowed, 0)}
              {bar('warn', failed, allowed)}
              {bar('bad', refused, allowed + failed)}
            </g>
          );
        })}
      </svg>
      <p class="ends">
        <span>{timeOf(from).slice(0, 8)}</span>
        <span>
          <Chip tone="good">{sum('allowed')} allowed</Chip> <Chip tone="bad">{sum('refused')} refused</Chip>{' '}
          <Chip tone="warn">{sum('failed')} failed</Chip>
        </span>
        <span>{timeOf(to).slice(0, 8)}</span>
      </p>
    </>
  );
}
