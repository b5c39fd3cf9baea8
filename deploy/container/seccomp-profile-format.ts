// The form of a seccomp profile, as in the defaults of Docker and Podman. A rule may apply only to some capabilities, architectures and
// kernels. Unknown fields are kept as they are.

/** The conditions under which a rule applies, or does not. */
interface Condition {
  readonly caps?: readonly string[] | null;
  /** The names of Go: `amd64`, `arm64`. */
  readonly arches?: readonly string[] | null;
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

interface Family {
  readonly architecture: string;
  readonly subArchitectures?: readonly string[] | null;
}

export interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly archMap?: readonly Family[];
  readonly architectures?: readonly string[];
  readonly syscalls: readonly Rule[];
}

type Json = Readonly<Record<string, unknown>>;
type Is<T> = (value: unknown) => value is T;

/** @throws Error with the reason why the text is no profile */
export function parseProfile(text: string): Profile {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error('it is no JSON object');
  if (!isString(value['defaultAction'])) throw new Error('it has no "defaultAction"');
  const rules = value['syscalls'];
  if (!Array.isArray(rules) || rules.length === 0) throw new Error('it has no rules in "syscalls"');
  if (!rules.every(isNamed)) throw new Error('a rule in "syscalls" has no "names" or no "action"');
  if (!isProfile(value))
    throw new Error('a field has another form than in the defaults of Docker and Podman');
  return value;
}

function isProfile(value: Json): value is Json & Profile {
  return (
    isString(value['defaultAction']) &&
    isMissingOr(isNumber)(value['defaultErrnoRet']) &&
    isMissingOr(isListOf(isFamily))(value['archMap']) &&
    isMissingOr(isListOf(isString))(value['architectures']) &&
    isListOf(isRule)(value['syscalls'])
  );
}

function isNamed(value: unknown): value is Json {
  return isObject(value) && isListOf(isString)(value['names']) && isString(value['action']);
}

function isRule(value: unknown): value is Rule {
  return (
    isNamed(value) &&
    isMissingOr(isNumber)(value['errnoRet']) &&
    isMissingOr(isNullOr(isListOf(isAnything)))(value['args']) &&
    isMissingOr(isString)(value['comment']) &&
    isMissingOr(isCondition)(value['includes']) &&
    isMissingOr(isCondition)(value['excludes'])
  );
}

function isCondition(value: unknown): value is Condition {
  return (
    isObject(value) &&
    isMissingOr(isNullOr(isListOf(isString)))(value['caps']) &&
    isMissingOr(isNullOr(isListOf(isString)))(value['arches']) &&
    isMissingOr(isString)(value['minKernel'])
  );
}

function isFamily(value: unknown): value is Family {
  return (
    isObject(value) &&
    isString(value['architecture']) &&
    isMissingOr(isNullOr(isListOf(isString)))(value['subArchitectures'])
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isAnything(_: unknown): _ is unknown {
  return true;
}

function isListOf<T>(is: Is<T>): Is<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(is);
}

function isNullOr<T>(is: Is<T>): Is<T | null> {
  return (value): value is T | null => value === null || is(value);
}

function isMissingOr<T>(is: Is<T>): Is<T | undefined> {
  return (value): value is T | undefined => value === undefined || is(value);
}
