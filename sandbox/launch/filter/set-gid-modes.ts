// chmod(2) and its relatives with S_ISGID and without S_ISUID. The filter does not see whether the file is a folder, so with egress `transparent`
// it reports them to the broker.
import { MODE_CALLS, type ModeCall } from '../../../shared/reasons.js';
import type { FilterAction, FilterRule } from '../../../shared/sys/filter.js';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
/** Which argument is the mode. */
const MODE_AT: Readonly<Record<ModeCall, 1 | 2>> = { chmod: 1, fchmod: 1, fchmodat: 2, fchmodat2: 2 };

export const setGidModes = (action: FilterAction): readonly FilterRule[] =>
  MODE_CALLS.map((call) => ({
    calls: [call],
    action,
    when: [{ index: MODE_AT[call], mask: S_ISUID | S_ISGID, equals: S_ISGID }],
  }));
