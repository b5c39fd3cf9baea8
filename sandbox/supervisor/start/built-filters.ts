// The compiled filters of plugins and inits. To compile one takes longer than to load it, and plugins with the same choice have the same one. Runs in
// the supervisor.
import { BoundedMap } from '../../../shared/bounded-map.js';
import { PosternError } from '../../../shared/errors.js';
import { buildFilter, buildInitFilter, type FilterChoice, type ProcessFilter } from '../../launch/filters.js';
import { launchFailed } from './launch-failure.js';

const KEPT_CHOICES = 64;
const built = new BoundedMap<string, ProcessFilter>(KEPT_CHOICES);
let ofInit: ProcessFilter | undefined;

/** @throws PosternError `launch_failed` with the step `seccomp`; `missing_library` */
export function filterOf(choice: FilterChoice): ProcessFilter {
  const key = JSON.stringify(choice);
  const kept = built.get(key);
  if (kept !== undefined) return kept;
  const filter = orFail(() => buildFilter(choice));
  built.set(key, filter);
  return filter;
}

/** @throws PosternError as {@link filterOf} does */
export function filterOfInit(): ProcessFilter {
  ofInit ??= orFail(buildInitFilter);
  return ofInit;
}

function orFail(build: () => ProcessFilter): ProcessFilter {
  try {
    return build();
  } catch (error) {
    if (error instanceof PosternError && error.code === 'seccomp')
      throw launchFailed('seccomp', error.message, error.fix);
    throw error;
  }
}
