// `policy` of postern.yaml: where the policy of an organisation is fetched, and the key that signs it. And the policy itself, a file of rules with a serial.
// What is fetched is hostile until its signature holds: before, nothing of it is parsed except the line that has the signature.

import { isUtf8 } from 'node:buffer';
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { HttpRules } from '../policy/http-rules.js';
import { parseRule } from '../policy/parse-rule.js';
import type { Boundary } from '../policy/policy.js';
import { readTextFile } from '../read-file.js';
import { ConfigError, type ConfigProblem, describeProblem } from './config-problem.js';
import { policyFileSchema } from './config-schema.js';
import { explainIssues } from './explain-issue.js';
import { readBoundaryHosts } from './gateway-config.js';
import { readRules } from './placed-rules.js';
import { serverPlace } from './server-place.js';
import type { ViaConfig } from './via-config.js';
import { YamlSource } from './yaml-source.js';

export interface PolicyConfig {
  readonly url: string;
  readonly pollMs: number;
  /** The absolute path of a file with an Ed25519 key in PEM. */
  readonly publicKey: string;
  /** Rules for special addresses that the host of the URL may have. */
  readonly addresses: readonly string[];
  /** The way to it: that of `defaults`. */
  readonly via: ViaConfig | undefined;
}

/** Checks what the schema cannot express. */
export function checkPolicy(source: YamlSource, absolute: (path: string) => string): ConfigProblem[] {
  if (source.valueAt(['policy']) === undefined) return [];
  const asking = [['defaults'], ...(source.keysAt(['plugins']) ?? []).map((name) => ['plugins', name])];
  return [
    ...source
      .textsAt(['policy', 'url'])
      .filter(({ text }) => serverPlace(text) === undefined)
      .map(({ key }) =>
        source.problem(
          key,
          'not a URL of a policy: http or https, a host, no user, no password and no fragment',
          'write https://policy.example.com/postern.yaml',
        ),
      ),
    ...source.textsAt(['policy', 'public_key']).flatMap(({ key, text }) => {
      const read = readPolicyKey(absolute(text));
      return typeof read === 'string' ? [source.problem(key, `"${absolute(text)}" ${read}`)] : [];
    }),
    ...source
      .textsAt(['policy', 'addresses'])
      .filter(({ text }) => !ADDRESSES.includes(parseRule(text, 'allow')?.target.kind ?? ''))
      .map(({ key, text }) =>
        source.problem(key, `"${text}" is no address`, 'write 10.1.2.3:8080 or @private'),
      ),
    // protects: G24 policy: nobody approves what it does not allow
    ...asking
      .map((at) => [...at, 'unknown'])
      .filter((key) => source.valueAt(key) === 'ask')
      .map((key) =>
        source.problem(
          key,
          'with policy nobody is asked: an approval could open what the policy does not allow',
          'leave out unknown, or policy',
        ),
      ),
  ];
}

const ADDRESSES: readonly string[] = ['prefix', 'class'];
const KEY_MIB = 1;

/** @returns the key, or what is wrong with the file */
export function readPolicyKey(path: string): KeyObject | string {
  const read = readTextFile(path, KEY_MIB);
  if (!('text' in read)) return read.problem;
  try {
    const key = createPublicKey(read.text);
    // The file of a private key gives its public one too, and would lie on every machine.
    if (key.asymmetricKeyType === 'ed25519' && !read.text.includes('PRIVATE KEY')) return key;
  } catch {
    // No key at all.
  }
  return 'holds no public Ed25519 key in PEM, as openssl pkey -pubout writes it';
}

// The policy itself.

/** Rules that bound those of every plugin. */
export interface SignedPolicy extends Boundary {
  /** Each policy has a higher one than the policy before. */
  readonly serial: number;
  readonly gateway: ReadonlyMap<string, HttpRules>;
}

/** More take too long to compare with the rules of each plugin. */
const MOST_POLICY_RULES = 1000;
const HEAD = /^# postern-policy ed25519 ([A-Za-z0-9+/]{86}==)\n/;
/** Of {@link HEAD}, in bytes. */
const HEAD_BYTES = 1024;

/**
 * Reads a signed policy: a line with the signature of all that stands below it. The line is a comment in YAML, so the whole is a file of rules too.
 *
 * @returns the policy, or what is wrong with the bytes
 */
export function readSignedPolicy(bytes: Uint8Array, key: KeyObject): SignedPolicy | string {
  const head = HEAD.exec(Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1'));
  const [line = '', signature = ''] = head ?? [];
  if (head === null)
    return 'it does not begin with the line of a signature: # postern-policy ed25519 SIGNATURE';
  const signed = bytes.subarray(line.length);
  // protects: G24 policy: nothing is in force without its signature => const holds = true;
  const holds = verify(null, signed, key, Buffer.from(signature, 'base64'));
  if (!holds) return 'its signature is not that of the public key';
  if (!isUtf8(signed)) return 'it is not UTF-8';
  try {
    return readPolicyText(Buffer.from(signed).toString());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(describeProblem).join('; ');
  }
}

/** @throws ConfigError with every problem of the text */
function readPolicyText(text: string): SignedPolicy | string {
  // The line of the signature is the first one.
  const source = new YamlSource('policy', `\n${text}`);
  const parsed = policyFileSchema.safeParse(source.value);
  const { allow, deny, problems } = readRules(source, []);
  const shape = parsed.success ? [] : explainIssues(parsed.error.issues, policyFileSchema, source);
  const { hosts, problems: ofHosts } = readBoundaryHosts(source);
  if (!parsed.success || problems.length + ofHosts.length > 0)
    throw new ConfigError([...shape, ...problems, ...ofHosts]);
  const { serial } = parsed.data;
  if (serial === undefined) return 'it has no serial';
  const requests = [...hosts.values()].reduce((sum, one) => sum + one.allow.length + one.deny.length, 0);
  if (allow.length + deny.length + requests > MOST_POLICY_RULES)
    return `it has more than ${MOST_POLICY_RULES} rules`;
  return {
    ...{ serial, gateway: hosts },
    allow: allow.map((one) => one.text),
    deny: deny.map((one) => one.text),
  };
}
