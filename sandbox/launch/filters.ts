// The seccomp filters, as data. Three of them, since libseccomp's rules name what is matched and not what is not:
// `allowed` lets listed calls through, some only with listed arguments; `denied` refuses by argument; `known` makes an
// unknown call ENOSYS. The strictest answer counts; of two errnos, that of the filter loaded last.
import type { Filter } from '../../shared/sys/seccomp.js';
import { loadFilter } from '../../shared/sys/seccomp.js';
import { argumentDenials } from './filter/argument-denials.js';
import { conditionalCalls } from './filter/conditional-calls.js';
import type { FilterGroup } from './filter/filter-group.js';
import { ordinaryCalls } from './filter/ordinary-calls.js';
import { refusedCalls } from './filter/refused-calls.js';

/**
 * @param without names of groups to leave out: their calls are allowed as if nothing were known of them
 */
export function filters(without: ReadonlySet<string>): readonly Filter[] {
  const kept = (group: FilterGroup): boolean => !without.has(group.name);
  const all = [...refusedCalls, ...argumentDenials, ...conditionalCalls];
  const opened = all
    .filter((group) => !kept(group))
    .flatMap((group) => group.rules.flatMap((rule) => rule.calls));
  const refused = refusedCalls.filter(kept);
  // A call that another kept group judges by its arguments is not opened by a group that is left out.
  const judged = new Set(
    conditionalCalls.filter(kept).flatMap((group) => group.rules.flatMap((rule) => rule.calls)),
  );
  const ordinary = new Set(
    [...ordinaryCalls.flatMap((group) => group.calls), ...opened].filter((call) => !judged.has(call)),
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
        ...conditionalCalls.filter(kept).flatMap((group) => group.rules),
      ],
    },
    { otherwise: 'ENOSYS', rules: [{ calls: [...known], action: 'allow' }] },
    {
      otherwise: 'allow',
      rules: [...refused, ...argumentDenials.filter(kept)].flatMap((group) => group.rules),
    },
  ];
}

/** Loads all filters for this thread. */
export function loadFilters(without: ReadonlySet<string>): void {
  if (without.has('seccomp')) return;
  for (const filter of filters(without)) loadFilter(filter);
}
