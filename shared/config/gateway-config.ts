// `secrets` of a file and `gateway` of a plugin: as written, as values, and what their form does not say. Pure, except that it looks for a file that is
// named. A rule that would not be applied is a mistake here, never a line that is passed over.
import { plainNameOf } from '../gateway.js';
import { compilePolicy } from '../policy/compile-policy.js';
import {
  allowsNothing,
  HTTP_PRESETS,
  type HttpRules,
  httpRulesOf,
  readHttpRule,
} from '../policy/http-rules.js';
import { openPorts } from '../policy/judge-name.js';
import { isLocalhost, parseHost } from '../policy/parse-host.js';
import { parseRule } from '../policy/parse-rule.js';
import { yamlText } from '../printable.js';
import { statOf } from '../read-file.js';
import { type ConfigProblem, didYouMean } from './config-problem.js';
import {
  AWS_SECRETS,
  AWS_SIGNATURE,
  DEFAULT_REFLECT,
  GATEWAY_MIB,
  type GatewayHost,
  type GivenSecrets,
  type SecretSource,
  type WrittenGateway,
  type WrittenSecret,
} from './gateway-keys.js';
import { checkHook, findHook } from './hook-command.js';
import type { PlacedRules } from './placed-rules.js';
import { VARIABLE_NAME } from './plugin-config.js';
import { headerProblem, readTemplate, SECRET_NAME, secretsIn } from './secret-template.js';
import type { KeyPath, YamlSource } from './yaml-source.js';

/** Of one plugin. Each has listeners, certificates and an address. */
const MOST_HOSTS = 64;
/** Of one host, and of all of one plugin: each port has a listener. */
const MOST_PORTS = 16;
const MOST_LISTENERS = 128;

/**
 * `gateway` of a plugin with what it needs of `secrets`.
 *
 * @param rules of the plugin, checked
 * @param absolute makes a path of the file absolute
 * @param given those of the secrets whose values the caller has
 */
export function pluginGateway(
  written: Readonly<Record<string, WrittenGateway>> | undefined,
  secrets: Readonly<Record<string, WrittenSecret>>,
  rules: PlacedRules,
  absolute: (path: string) => string,
  given?: GivenSecrets,
): {
  readonly gateway?: readonly GatewayHost[];
  readonly secrets?: Readonly<Record<string, SecretSource>>;
  readonly otherSecrets?: Readonly<Record<string, SecretSource>>;
} {
  const sourcesOf = (isMeant: (name: string) => boolean): readonly (readonly [string, SecretSource])[] =>
    Object.entries(secrets).flatMap(([name, one]) => {
      if (!isMeant(name)) return [];
      const value = given?.get(name);
      const read: SecretSource | undefined =
        value === undefined ? secretSource(one, absolute) : { from: 'given', read: value };
      return read === undefined ? [] : [[name, read] as const];
    });
  const others = (
    named: ReadonlySet<string>,
  ): { readonly otherSecrets?: Readonly<Record<string, SecretSource>> } => {
    const found = sourcesOf((name) => !named.has(name));
    return found.length === 0 ? {} : { otherSecrets: Object.fromEntries(found) };
  };
  if (written === undefined) return others(new Set());
  const ports = portsBy(rules);
  const gateway = Object.entries(written).map(([name, one]) => hostOf(name, one, ports, absolute));
  // protects: G23 gateway: a gateway gets the secrets that its hosts name => const named = new Set(Object.keys(secrets));
  const named = new Set(gateway.flatMap(secretsOfHost));
  return { gateway, secrets: Object.fromEntries(sourcesOf((name) => named.has(name))), ...others(named) };
}

function hostOf(
  name: string,
  written: WrittenGateway,
  ports: (host: string) => readonly number[] | undefined,
  absolute: (path: string) => string,
): GatewayHost {
  const { headers = {}, placeholder, allow = [], deny = [], ca, client, reflect = DEFAULT_REFLECT } = written;
  const { addresses = [], base_url: baseUrl = false, sign } = written;
  const read = parseHost(name);
  const host = read?.kind === 'name' ? read.name : name;
  return {
    host,
    ports: ports(host) ?? [],
    headers,
    ...(placeholder === undefined ? {} : { placeholder }),
    ...(sign === undefined ? {} : { aws: sign.aws }),
    allow: allow.flatMap((one) => HTTP_PRESETS[one] ?? one),
    deny,
    ca: ca === undefined ? undefined : absolute(ca),
    client: client && { cert: absolute(client.cert), key: absolute(client.key) },
    ...{ addresses, baseUrl, masks: reflect === 'mask' },
  };
}

function secretsOfHost({ headers, placeholder, aws }: GatewayHost): readonly string[] {
  const inHeaders = Object.values(headers).flatMap((text) => {
    const read = readTemplate(text);
    return read.ok ? secretsIn(read.parts) : [];
  });
  const inSignature = AWS_SECRETS.flatMap((key) => aws?.[key] ?? []);
  return [...inHeaders, ...(placeholder === undefined ? [] : [placeholder.secret]), ...inSignature];
}

function secretSource(
  { file, env, credential, command = [] }: WrittenSecret,
  absolute: (path: string) => string,
): SecretSource | undefined {
  if (file !== undefined) return { from: 'file', path: absolute(file) };
  if (env !== undefined) return { from: 'env', variable: env };
  if (credential !== undefined) return { from: 'credential', name: credential };
  const hook = findHook(command, absolute('.'));
  return hook && { from: 'command', command: hook };
}

/** @returns a function that lists the ports of a name; undefined for more than there may be */
function portsBy({ allow, deny }: PlacedRules): (host: string) => readonly number[] | undefined {
  const compiled = compilePolicy({
    allow: allow.map(({ text }) => text),
    deny: deny.map(({ text }) => text),
    mode: 'enforce',
  });
  return (host) => {
    if (!compiled.ok) return [];
    const { allowed } = openPorts(compiled.policy, host);
    if (allowed.reduce((sum, { low, high }) => sum + high - low + 1, 0) > MOST_PORTS) return undefined;
    return allowed.flatMap(({ low, high }) => Array.from({ length: high - low + 1 }, (_, at) => low + at));
  };
}

// What is a mistake.

/** Of the file's secrets. @param given as {@link pluginGateway} has it: each is one way. Undefined: a file has no values */
export function checkSecrets(source: YamlSource, folder: string, given?: GivenSecrets): ConfigProblem[] {
  return (source.keysAt(['secrets']) ?? []).flatMap((name) => {
    const key = ['secrets', name];
    const problems = checkHook(source, [...key, 'command'], folder);
    if (!SECRET_NAME.test(name))
      problems.push(
        source.keyProblem(['secrets'], name, 'not a name of a-z, 0-9, _ and -, a letter or digit first'),
      );
    const ways = source.keysAt(key);
    if (ways !== undefined && ways.length + (given?.has(name) === true ? 1 : 0) !== 1)
      problems.push(
        source.problem(
          key,
          `expected one of ${given === undefined ? '' : 'value, '}file, env, credential and command`,
          'write {file: PATH}, for example',
        ),
      );
    return problems;
  });
}

/** @param at the plugin @param rules of the plugin, those that can be read @param absolute makes a path of the file absolute */
export function checkGateway(
  source: YamlSource,
  at: KeyPath,
  rules: PlacedRules,
  absolute: (path: string) => string,
): ConfigProblem[] {
  const key = [...at, 'gateway'];
  const names = source.keysAt(key) ?? [];
  if (names.length === 0) return [];
  const problems: ConfigProblem[] = [];
  const egress = source.valueAt([...at, 'egress']) ?? source.valueAt(['defaults', 'egress']);
  // protects: G23 gateway: a plugin without a DNS of its own has no gateway
  if (egress === 'channel')
    problems.push(
      source.problem(
        key,
        'with egress channel no connection leads to a gateway: it is a connect(2) within the sandbox',
        'write egress: transparent',
      ),
    );
  if (names.length > MOST_HOSTS)
    problems.push(source.problem(key, `more than ${MOST_HOSTS} hosts`, 'share them out among plugins'));
  const ports = portsBy(rules);
  const taken = new Map<string, string>();
  const intercepted = new Set<number>();
  let listeners = 0;
  for (const name of names) {
    const host = parseHost(name);
    if (host?.kind !== 'name' || isLocalhost(host.name)) {
      problems.push(
        source.keyProblem(key, name, hostProblem(name, host?.kind), 'name one host, as api.example.com'),
      );
      continue;
    }
    const first = taken.get(host.name);
    if (first !== undefined) problems.push(source.keyProblem(key, name, `it is the same host as "${first}"`));
    taken.set(host.name, name);
    const open = ports(host.name);
    // protects: G23 gateway: a host whose ports are too many to intercept is refused
    if (open === undefined)
      problems.push(
        source.keyProblem(
          key,
          name,
          `its rules open more than ${MOST_PORTS} ports`,
          `allow ${host.name}:443 alone`,
        ),
      );
    else if (open.length === 0)
      problems.push(source.keyProblem(key, name, 'no rule allows this host', `add ${host.name} to allow`));
    if (source.valueAt([...key, name, 'base_url']) === true) {
      listeners += 1;
      problems.push(...checkBaseUrl(source, [...key, name, 'base_url'], host.name, open));
    }
    listeners += open?.length ?? 0;
    for (const port of open ?? []) intercepted.add(port);
    problems.push(...checkHost(source, [...key, name], [...at, 'env'], absolute));
  }
  if (listeners > MOST_LISTENERS)
    problems.push(source.problem(key, `more than ${MOST_LISTENERS} ports of all hosts together`));
  problems.push(...checkMemory(source, at), ...checkAddresses(source, key, rules, intercepted));
  return problems;
}

function checkMemory(source: YamlSource, at: KeyPath): ConfigProblem[] {
  const key = [at, ['defaults']]
    .map((place) => [...place, 'limits', 'total_memory_mib'])
    .find((place) => source.valueAt(place) !== undefined);
  if (key === undefined || Number(source.valueAt(key)) >= GATEWAY_MIB) return [];
  return [
    source.problem(
      key,
      'the gateway of a plugin counts too, and would leave no memory to the program',
      `write ${GATEWAY_MIB} or more`,
    ),
  ];
}

/** A connection to an address does not say for which host it is, and a server has many addresses: nobody knows which are those of a gateway's host. */
function checkAddresses(
  source: YamlSource,
  key: KeyPath,
  { allow }: PlacedRules,
  intercepted: ReadonlySet<number>,
): ConfigProblem[] {
  return allow.flatMap(({ text, place }) => {
    const rule = parseRule(text, 'allow');
    if (rule?.target.kind !== 'prefix' && rule?.target.kind !== 'class') return [];
    const port = [...intercepted].find((one) =>
      rule.ports.some(({ low, high }) => low <= one && one <= high),
    );
    // protects: G23 gateway: no rule for addresses leads past it => return [];
    if (port === undefined) return [];
    return [
      source.problem(
        key,
        `the rule "${text}" (${place}) opens addresses on port ${port}, past the gateway`,
        'allow hosts by their names, these addresses on other ports, or gateway.HOST.addresses',
      ),
    ];
  });
}

function checkBaseUrl(
  source: YamlSource,
  key: KeyPath,
  host: string,
  open: readonly number[] = [],
): ConfigProblem[] {
  if (!open.includes(443))
    return [source.problem(key, 'no rule opens port 443 of this host', `allow ${host}:443`)];
  return parseHost(plainNameOf(host)) === undefined
    ? [source.problem(key, `${plainNameOf(host)} is too long for a name`, 'leave it out')]
    : [];
}

/** They are rules of the gateway. One for a name would open that name to it. */
function checkOwnAddress(source: YamlSource, key: KeyPath, text: string): ConfigProblem[] {
  const kind = parseRule(text, 'allow')?.target.kind;
  return kind === 'prefix' || kind === 'class'
    ? []
    : [source.problem(key, `"${text}" is no address`, 'write 10.1.2.3, 10.1.2.0/24 or @private')];
}

function hostProblem(name: string, kind: 'name' | 'address' | undefined): string {
  if (name.includes('*'))
    return 'a gateway is for one host: a wildcard has no certificate that every program takes';
  if (kind === 'address')
    return 'a gateway is for a name: a connection to an address does not say for which host it is';
  return kind === 'name' ? 'the sandbox itself' : 'not the name of a host';
}

function requestRuleProblems(source: YamlSource, key: KeyPath): readonly ConfigProblem[] {
  return (['allow', 'deny'] as const).flatMap((list) =>
    source.textsAt([...key, list]).flatMap(({ key: place, text }) => {
      if (list === 'allow' && Object.hasOwn(HTTP_PRESETS, text)) return [];
      const read = readHttpRule(text);
      if (read.ok) {
        const why = list === 'allow' ? allowsNothing(read.rule) : undefined;
        return why === undefined ? [] : [source.problem(place, why.message, why.fix)];
      }
      const near =
        list === 'allow' && /^\S+$/.test(text) ? didYouMean(text, Object.keys(HTTP_PRESETS)) : undefined;
      return [source.problem(place, read.message, near ?? read.fix)];
    }),
  );
}

/** @returns undefined where it is no name */
function exactHost(name: string): string | undefined {
  const read = parseHost(name);
  return read?.kind === 'name' ? read.name : undefined;
}

/** Rules for requests, by host, in a file whose form is right. */
export function readBoundaryHosts(source: YamlSource): {
  readonly hosts: ReadonlyMap<string, HttpRules>;
  readonly problems: readonly ConfigProblem[];
} {
  const names = source.keysAt(['gateway']) ?? [];
  const problems = names.flatMap((name): readonly ConfigProblem[] => {
    const read = parseHost(name);
    const key = ['gateway', name];
    if (read?.kind !== 'name' || isLocalhost(read.name))
      return [source.problem(key, hostProblem(name, read?.kind), 'name one host exactly')];
    // protects: G24 policy: no rules for requests of a host are replaced by others of the same host => const first = name;
    const first = names.find((other) => exactHost(other) === read.name);
    if (first !== undefined && first !== name)
      return [source.keyProblem(['gateway'], name, `it is the same host as "${first}"`)];
    return requestRuleProblems(source, key);
  });
  const rulesAt = (name: string, list: 'allow' | 'deny'): HttpRules['allow'] =>
    httpRulesOf(source.textsAt(['gateway', name, list]).map(({ text }) => text));
  const hosts = names.map((name): [string, HttpRules] => [
    exactHost(name) ?? name,
    { allow: rulesAt(name, 'allow'), deny: rulesAt(name, 'deny') },
  ]);
  return { hosts: new Map(hosts), problems };
}

function checkHost(
  source: YamlSource,
  key: KeyPath,
  env: KeyPath,
  absolute: (path: string) => string,
): ConfigProblem[] {
  const secrets = source.keysAt(['secrets']) ?? [];
  const missing = (place: KeyPath, secret: string): ConfigProblem[] =>
    secrets.includes(secret)
      ? []
      : [source.problem(place, `there is no secret "${secret}"`, didYouMean(secret, secrets))];
  const headers = source.keysAt([...key, 'headers']) ?? [];
  const lower = headers.map((one) => one.toLowerCase());
  const swapped = source.textsAt([...key, 'placeholder', 'in']);
  const isSigned = source.keysAt([...key, 'sign']) !== undefined;
  const signature = (place: KeyPath, header: string): ConfigProblem[] =>
    isSigned && AWS_SIGNATURE.has(header.toLowerCase())
      ? [source.problem(place, 'sign sets this header', 'leave it out in one place')]
      : [];
  return [
    ...headers.flatMap((header, index): ConfigProblem[] => {
      const place = [...key, 'headers', header];
      const problem = headerProblem(header);
      if (problem !== undefined) return [source.keyProblem([...key, 'headers'], header, problem)];
      if (lower.indexOf(header.toLowerCase()) !== index)
        return [source.keyProblem([...key, 'headers'], header, 'this header stands here already')];
      const signed = signature(place, header);
      if (signed.length > 0) return signed;
      return source.textsAt(place).flatMap(({ text }) => {
        const read = readTemplate(text);
        if (!read.ok) return [source.problem(place, read.message, 'write "Bearer {NAME}", for example')];
        return secretsIn(read.parts).flatMap((secret) => missing(place, secret));
      });
    }),
    ...source
      .textsAt([...key, 'placeholder', 'secret'])
      .flatMap(({ key: place, text }) => missing(place, text)),
    ...source.textsAt([...key, 'placeholder', 'name']).flatMap(({ key: place, text }) => {
      if (!VARIABLE_NAME.test(text))
        return [source.problem(place, `"${text}" is not the name of a variable`)];
      return [env, ['defaults', 'env']].flatMap((one) =>
        source.keysAt(one)?.includes(text) === true
          ? [
              source.problem(
                place,
                `${one === env ? 'env' : 'defaults.env'} sets ${text} too`,
                'leave it out there',
              ),
            ]
          : [],
      );
    }),
    ...swapped.flatMap(({ key: place, text }) => {
      const problem = headerProblem(text);
      if (problem !== undefined) return [source.problem(place, problem)];
      return lower.includes(text.toLowerCase())
        ? [
            source.problem(
              place,
              'headers sets this header, whatever the program sends',
              'leave it out in one place',
            ),
          ]
        : signature(place, text);
    }),
    ...AWS_SECRETS.flatMap((name) => source.textsAt([...key, 'sign', 'aws', name])).flatMap(
      ({ key: place, text }) => missing(place, text),
    ),
    ...requestRuleProblems(source, key),
    ...source
      .textsAt([...key, 'addresses'])
      .flatMap(({ key: place, text }) => checkOwnAddress(source, place, text)),
    ...[['ca'], ['client', 'cert'], ['client', 'key']]
      .flatMap((last) => source.textsAt([...key, ...last]))
      .flatMap(({ key: place, text }) =>
        statOf(absolute(text))?.isFile() === true
          ? []
          : [
              source.problem(
                place,
                `${yamlText(absolute(text))} is no file`,
                'paths are relative to the file',
              ),
            ],
      ),
  ];
}
