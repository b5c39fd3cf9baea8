// The form of a seccomp profile, as in the defaults of Docker and Podman. A rule may apply only to some capabilities, architectures and
// kernels. Unknown fields are kept as they are.

/** The conditions under which a rule applies, or does not. */
interface Condition {
  readonly caps?: readonly string[];
  /** The names of Go: `amd64`, `arm64`. */
  readonly arches?: readonly string[];
  /** `5.14` */
  readonly minKernel?: string;
}

export interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly unknown[] | null;
  readonly comment?: string;
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

export interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly architectures?: readonly string[];
  readonly syscalls: readonly Rule[];
}

/** @throws Error with the reason why the text is no profile */
export function parseProfile(text: string): Profile {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error('it is no JSON object');
  if (typeof value['defaultAction'] !== 'string') throw new Error('it has no "defaultAction"');
  const rules = value['syscalls'];
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('it has no rules in "syscalls"');
  for (const rule of rules) {
    if (!isObject(rule) || !isListOfNames(rule['names']) || typeof rule['action'] !== 'string')
      throw new Error('a rule in "syscalls" has no "names" or no "action"');
  }
  return value as unknown as Profile;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
