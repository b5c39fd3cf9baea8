// setsockopt(2), by the table of options. Level and number are arguments, so the filter sees them. It does not see the value.
import type { FilterAction, FilterRule } from '../../../shared/sys/filter.js';
import { type OptionKind, SOCKET_OPTIONS, type SocketOption } from '../../../shared/sys/option-table.js';
import type { FilterGroup } from './filter-group.js';

const REFUSED: readonly OptionKind[] = ['judged', 'refused'];

const ruleFor = ({ level, number }: SocketOption, action: FilterAction): FilterRule => ({
  calls: ['setsockopt'],
  action,
  when: [
    { index: 1, equals: level },
    { index: 2, equals: number },
  ],
});

export const optionRules = (kinds: readonly OptionKind[], action: FilterAction): readonly FilterRule[] =>
  SOCKET_OPTIONS.filter(({ kind }) => kinds.includes(kind)).map((option) => ruleFor(option, action));

export const optionCalls: FilterGroup =
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.setsockopt',
    why: 'IPV6_RTHDR, IP_OPTIONS, SO_BINDTODEVICE, TCP_FASTOPEN_CONNECT and others redirect a connection',
    rules: [
      ...SOCKET_OPTIONS.map((option) =>
        ruleFor(
          option,
          /* protects: G22 rate: no program raises it => option.name !== 'SO_MAX_PACING_RATE' && $& */ REFUSED.includes(
            option.kind,
          )
            ? 'EPERM'
            : 'allow',
        ),
      ),
      { calls: ['setsockopt'], action: 'ENOPROTOOPT' },
    ],
  };

export const errorReports: FilterGroup =
  // protects: G3 (row of seccomp)
  {
    name: 'seccomp.error_reports',
    // 0, because glibc's resolver gives up where the option fails.
    why: 'the option fills the error queue, whose entries a plugin never gets: poll(2) would report an error for each',
    rules: optionRules(['off'], 'skip'),
  };
