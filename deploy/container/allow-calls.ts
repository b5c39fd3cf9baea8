// Adds calls to a container engine's seccomp profile and leaves everything else as it is.
import type { Profile, Rule } from './seccomp-profile-format.js';

/**
 * libseccomp takes no two actions for one call, and a rule of the default may refuse a call to containers without a capability.
 * So each call is taken out of every other rule first.
 */
export function allowCalls(profile: Profile, calls: readonly string[]): Profile {
  const others = profile.syscalls
    .map((rule): Rule => ({ ...rule, names: rule.names.filter((name) => !calls.includes(name)) }))
    .filter(({ names }) => names.length > 0);
  const added: Rule = {
    names: calls,
    action: 'SCMP_ACT_ALLOW',
    comment: 'postern makes its sandboxes with these',
  };
  return { ...profile, syscalls: [...others, added] };
}
