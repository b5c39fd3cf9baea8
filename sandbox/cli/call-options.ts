// --seccomp-allow CALL and --unsafe-seccomp-allow CALL of `run`: the names of a file's `seccomp`.
import { callsBy, checkCall } from '../../shared/config/call-forms.js';
import { didYouMean } from '../../shared/config/config-problem.js';
import { PosternError } from '../../shared/errors.js';
import { printable } from '../../shared/printable.js';

const OPTIONS = { allow: '--seccomp-allow', unsafe_allow: '--unsafe-seccomp-allow' } as const;

/** @throws PosternError `bad_call` */
export function addedCalls(options: {
  readonly seccompAllow: readonly string[];
  readonly unsafeSeccompAllow: readonly string[];
}): readonly string[] {
  const added = { allow: options.seccompAllow, unsafe_allow: options.unsafeSeccompAllow };
  for (const by of ['allow', 'unsafe_allow'] as const) {
    for (const call of added[by]) {
      const problem = checkCall(call, by);
      if (problem === undefined) continue;
      const fix =
        problem.belongs === undefined
          ? didYouMean(call, callsBy(by))
          : `write ${OPTIONS[problem.belongs]} ${call}`;
      throw new PosternError('bad_call', printable(problem.message), { fix });
    }
  }
  return [...new Set([...added.allow, ...added.unsafe_allow])];
}
