// Adds calls to the seccomp profile of a container engine, and leaves everything else as it is.
import type { Profile, Rule } from './seccomp-profile-format.js';

/**
 * libseccomp accepts only one action for a call. A rule of the default may refuse a call to containers without a capability, so each call is
 * removed from every other rule first.
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
