// The seccomp filters, as data and compiled into one program. There are several, because a filter has one answer for what no rule names: one permits
// listed calls, some only with listed arguments; one answers unknown calls with ENOSYS; one refuses by argument; one reports calls to the broker. The
// strictest answer counts; of two errnos, that of the last filter.
import { PosternError } from '../../shared/errors.js';
import { knowsCall } from '../../shared/sys/call-numbers.js';
import { compileFilters } from '../../shared/sys/compile-filters.js';
import type { Filter } from '../../shared/sys/filter.js';
import { WHOLLY_TRAPPED } from '../../shared/trap-calls.js';
import {
  argumentDenials,
  errorQueueReads,
  interfaceReads,
  readRules,
  setGidModes,
} from './filter/argument-denials.js';
import {
  conditionalCalls,
  datagramPairs,
  datagramSockets,
  type OnlyIds,
  ownIds,
} from './filter/conditional-calls.js';
import type { FilterGroup } from './filter/filter-group.js';
import { ordinaryCalls } from './filter/ordinary-calls.js';
import { refusedCalls } from './filter/refused-calls.js';
import { optionRules } from './filter/socket-options.js';

/** Whether the trapped calls (ARCHITECTURE.md, "A trapped connect") are reported to the broker, or refused. */
type Egress = 'transparent' | 'channel';

/** No other filter may refuse a call that one filter reports, since the strictest answer counts. */
const reporting = (datagrams: boolean, hasNotices: boolean): Filter => ({
  otherwise: 'allow',
  rules: [
    { calls: WHOLLY_TRAPPED, action: 'report' },
    ...optionRules(['judged', 'rare'], 'report'),
    ...setGidModes('report'),
    ...readRules('report'),
    // protects: G2 a read of the error queue is reported, and gets no entry
    /* test point: reported_error_queue */ ...errorQueueReads('report'),
    ...(datagrams
      ? []
      : /* test point: reported_pairs => [] */ [
          /* protects: G2 a pair of AF_UNIX datagram sockets is reported, and becomes one of packet sockets */ datagramPairs(
            'report',
          ),
        ]),
    ...(hasNotices ? [datagramSockets('report')] : []),
  ],
});
const REFUSED_IN_CHANNEL = [
  ...WHOLLY_TRAPPED.map((call) => `seccomp.${call}`),
  'seccomp.set_gid_modes',
  'seccomp.error_queue',
  interfaceReads.name,
];

/** Calls that the program that init becomes never makes, but that a plugin in it could use to outlive the supervisor or to send signals. */
const INIT_FILTER: Filter = {
  otherwise: 'allow',
  rules: [
    {
      calls: [
        'prctl',
        'kill',
        'tkill',
        'tgkill',
        'rt_sigqueueinfo',
        'rt_tgsigqueueinfo',
        'pidfd_send_signal',
        'socket',
      ],
      action: 'EPERM',
    },
  ],
};

/** What the filters of a plugin depend on. */
export interface FilterChoice {
  readonly egress: Egress;
  /** Calls beyond those of every plugin; none that is reported or judged by its arguments. */
  readonly added?: readonly string[];
  /** Missing: the plugin's user namespace has more ids. */
  readonly onlyIds?: OnlyIds | undefined;
  /** Whether Landlock keeps AF_UNIX datagrams within the sandbox. */
  readonly datagrams?: boolean;
  /** Whether AF_UNIX datagram sockets are reported to the broker, which gives the notify socket. Only where egress is `transparent`. */
  readonly hasNotices?: boolean;
}

export function filters({
  egress,
  added = [],
  onlyIds,
  datagrams = false,
  hasNotices = false,
}: FilterChoice): readonly Filter[] {
  const conditional = [...conditionalCalls, ...(onlyIds === undefined ? [] : [ownIds(onlyIds)])];
  const reported: readonly string[] = egress === 'transparent' ? REFUSED_IN_CHANNEL : [];
  const kept = (group: FilterGroup): boolean =>
    /* protects: rows of seccomp => group.name !== $name && $& */ !reported.includes(group.name);
  const all = [...refusedCalls, ...argumentDenials, ...conditional];
  const opened = all
    .filter((group) => !kept(group))
    .flatMap((group) => group.rules.flatMap((rule) => rule.calls));
  const refused = refusedCalls.filter(kept).map((group) => ({
    ...group,
    rules: group.rules.map((rule) => ({
      ...rule,
      calls: rule.calls.filter((call) => !added.includes(call)),
    })),
  }));
  // A group that is left out opens no call that another group judges by its arguments.
  const judged = new Set(
    conditional.filter(kept).flatMap((group) => group.rules.flatMap((rule) => rule.calls)),
  );
  const ordinary = new Set(
    [...ordinaryCalls.flatMap((group) => group.calls), ...opened, ...added].filter(
      (call) => !judged.has(call),
    ),
  );
  const known = new Set([
    ...ordinary,
    ...judged,
    ...refused.flatMap((group) => group.rules.flatMap((rule) => rule.calls)),
  ]);
  return [
    {
      otherwise: 'EPERM',
      rules: [
        { calls: [...ordinary], action: 'allow' },
        // The broker sees what SO_LINGER is set to. The filter does not, and refuses it below.
        ...(egress === 'transparent' && judged.has('setsockopt') ? optionRules(['judged'], 'allow') : []),
        ...conditional.filter(kept).flatMap((group) => group.rules),
        ...((datagrams || egress === 'transparent') && judged.has('socketpair')
          ? [datagramPairs('allow')]
          : []),
        ...((datagrams || hasNotices) && judged.has('socket') ? [datagramSockets('allow')] : []),
      ],
    },
    { otherwise: 'ENOSYS', rules: [{ calls: [...known], action: 'allow' }] },
    {
      otherwise: 'allow',
      rules: [...refused, ...argumentDenials.filter(kept)].flatMap((group) => group.rules),
    },
  ];
}

/** The filters of a process, compiled into one. */
export interface ProcessFilter {
  /** In base64. */
  readonly program: string;
  /** Whether it reports calls to the broker. */
  readonly reports: boolean;
}

function reportsCalls(egress: Egress): boolean {
  // test point: trap => return false;
  return egress === 'transparent';
}

/** The filters of a plugin, as if they were loaded in this order. */
export function filterStack(choice: FilterChoice): readonly Filter[] {
  const { egress, datagrams = false, hasNotices = false } = choice;
  return [...(reportsCalls(egress) ? [reporting(datagrams, hasNotices)] : []), ...filters(choice)];
}

/** The filters of the sandbox's init: those of a plugin, in case that the plugin writes its memory, and its own. */
export function initStack(): readonly Filter[] {
  return [
    /* protects: G2 init: the plugin's own filter */ ...filters({ egress: 'channel' }),
    /* protects: G2 init: a filter of its own */ INIT_FILTER,
  ];
}

/** @throws PosternError `seccomp`, also for an added call that this host does not know; `missing_library` without libseccomp */
export function buildFilter(choice: FilterChoice): ProcessFilter {
  const { egress, added = [] } = choice;
  const unknown = added.find((call) => !knowsCall(call));
  if (unknown !== undefined) {
    throw new PosternError('seccomp', `Cannot add the call "${unknown}": libseccomp does not know it here`, {
      fix: 'leave it out, or install a newer libseccomp',
    });
  }
  return compiled(filterStack(choice), reportsCalls(egress));
}

/** @throws PosternError `missing_library` without libseccomp */
export function buildInitFilter(): ProcessFilter {
  return compiled(initStack(), false);
}

function compiled(stack: readonly Filter[], reports: boolean): ProcessFilter {
  return { program: Buffer.from(compileFilters(stack)).toString('base64'), reports };
}
