// The compiled filters of plugins and inits. To compile them takes longer than to load them, and plugins with the same choice have the same ones. Runs in
// the supervisor.
import { BoundedMap } from '../../../shared/bounded-map.js';
import { PosternError } from '../../../shared/errors.js';
import {
  buildInitPrograms,
  buildPrograms,
  type FilterChoice,
  type FilterPrograms,
} from '../../launch/filters.js';
import { launchFailed } from './launch-failure.js';

const KEPT_CHOICES = 64;
const built = new BoundedMap<string, FilterPrograms>(KEPT_CHOICES);
let ofInit: FilterPrograms | undefined;

/** @throws PosternError `launch_failed` with the step `seccomp`; `missing_library` */
export function programsOf(choice: FilterChoice): FilterPrograms {
  const key = JSON.stringify(choice);
  const kept = built.get(key);
  if (kept !== undefined) return kept;
  const programs = orFail(() => buildPrograms(choice));
  built.set(key, programs);
  return programs;
}

/** @throws PosternError as {@link programsOf} does */
export function programsOfInit(): FilterPrograms {
  ofInit ??= orFail(buildInitPrograms);
  return ofInit;
}

function orFail(build: () => FilterPrograms): FilterPrograms {
  try {
    return build();
  } catch (error) {
    if (error instanceof PosternError && error.code === 'seccomp')
      throw launchFailed('seccomp', error.message, error.fix);
    throw error;
  }
}
