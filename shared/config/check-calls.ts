// Checks the system calls that a file adds to a plugin: whether each may be under its key.
import { callsBy, checkCall } from './call-forms.js';
import { didYouMean } from './closest.js';
import type { ConfigProblem } from './config-problem.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

export function checkCalls(source: YamlSource, at: KeyPath): ConfigProblem[] {
  return (['allow', 'unsafe_allow'] as const).flatMap((by) =>
    source.textsAt([...at, 'seccomp', by]).flatMap(({ key, text }) => {
      const problem = checkCall(text, by);
      if (problem === undefined) return [];
      return [source.problem(key, problem.message, fixOf(text, by, problem.belongs))];
    }),
  );
}

function fixOf(call: string, by: 'allow' | 'unsafe_allow', belongs: string | undefined): string | undefined {
  return belongs === undefined ? didYouMean(call, callsBy(by)) : `it belongs under ${belongs}`;
}
