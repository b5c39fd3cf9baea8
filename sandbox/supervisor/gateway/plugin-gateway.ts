// The gateway of one run of a plugin, as the supervisor has it: the certificates that the program trusts, its placeholders, the listeners in its sandbox, and
// the configuration of the process that serves them. Runs in the supervisor. The process itself is of sandbox/gateway/.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { bundlePath } from '../../../shared/bundles.js';
import type { GatewayHost } from '../../../shared/config/gateway-keys.js';
import { type Limits, limitsOf, SANDBOX_LIMITS } from '../../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { gatewayAddress, gatewayName, PLAIN_PORTS, plainNameOf } from '../../../shared/gateway.js';
import { nodeFlags } from '../../../shared/node-flags.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { type GatewayCertificates, makeCertificates } from '../../gateway/certificates.js';
import type { Placeholder } from '../../gateway/secrets.js';
import type { GatewaySettings, ServedPlace } from '../../gateway/settings.js';
import { ownCodePaths } from '../../host/own-code.js';
import type { GatewayPlace, RootEntry } from '../../launch/spec.js';
import { type HostFiles, isWithin } from '../files/host-files.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';
import type { Held } from './read-secrets.js';

/** A listening socket that a program inherits. */
export interface InheritedListener {
  readonly name: string;
  /** A duplicate for one run. */
  pass(): OwnedFd;
  readonly mayHoldDescriptors: boolean;
  suspect(): void;
}

/** The gateway's authority, and with it the certificates of the host. */
const AUTHORITY = '/etc/postern/gateway.pem';
const BUNDLE = '/etc/postern/ca-bundle.pem';
/** Where systems keep them: Debian and Alpine, Fedora, and another name on Alpine and SUSE. */
const SYSTEM_BUNDLES: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/etc/ssl/ca-bundle.pem',
];
/** Where systems keep those of Java: Debian and Alpine, and Fedora. */
const JAVA_BUNDLES: readonly string[] = [
  '/etc/ssl/certs/java/cacerts',
  '/etc/pki/ca-trust/extracted/java/cacerts',
];
/** What programs read that have certificates of their own. Node adds the authority to them. */
const BUNDLE_VARIABLES: readonly string[] = [
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];

/** @throws PosternError `not_allowed` if files of the host would lie where the program finds the certificates */
export function requireOwnPlace(plugin: string, entries: readonly RootEntry[]): void {
  const shown = entries.find(
    ({ kind, path }) => kind === 'bind' && [AUTHORITY, BUNDLE].some((one) => isWithin(one, path)),
  );
  if (shown === undefined) return;
  throw new PosternError(
    'not_allowed',
    `Cannot start "${plugin}": "${shown.path}" shows in its sandbox, and postern writes the certificates of its gateway to ${dirname(AUTHORITY)} there`,
    {
      fix: `name the files below "${shown.path}" that the program needs; if it is the working directory, name another one (cwd)`,
      fields: { key: 'gateway' },
    },
  );
}

export class PluginGateway {
  readonly #config: PluginConfig;
  readonly #hosts: readonly GatewayHost[];
  readonly #certificates: GatewayCertificates;
  /** By the name of a variable. Several hosts may swap one, each for its own secret. */
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #roots: string;
  #listeners: readonly OwnedFd[] = [];

  /** @param hosts of the plugin, at least one */
  constructor(config: PluginConfig, hosts: readonly GatewayHost[]) {
    this.#config = config;
    this.#hosts = hosts;
    this.#certificates = makeCertificates(
      config.name,
      hosts.map(({ host }) => host),
      new Date(),
    );
    // protects: G23 gateway: a placeholder is random for each start => const token = (): string => 'postern_fixed';
    const token = (): string => `postern_${randomBytes(24).toString('hex')}`;
    this.#tokens = new Map(
      hosts.flatMap(({ placeholder }) => (placeholder ? [[placeholder.name, token()]] : [])),
    );
    this.#roots = systemRoots();
  }

  /** Where it listens in the sandbox. */
  get places(): readonly GatewayPlace[] {
    return this.#places().map(({ address, listens }) => ({ address, port: listens }));
  }

  /** What the program finds in its environment. */
  get variables(): Readonly<Record<string, string>> {
    return Object.fromEntries([
      ...BUNDLE_VARIABLES.map((name) => [name, BUNDLE]),
      ['NODE_EXTRA_CA_CERTS', AUTHORITY],
      ...this.#tokens,
    ]);
  }

  /** The bundle, and the same in the place of each of the system's that shows. */
  rootEntries(entries: readonly RootEntry[], host: HostFiles): readonly RootEntry[] {
    const { authority } = this.#certificates;
    const content = `${this.#roots}${authority}`;
    // What is hidden stays hidden.
    const isShown = (path: string): boolean => {
      const last = entries.findLast((entry) => isWithin(path, entry.path));
      return host.kind(path) === 'file' && last?.kind === 'bind' && last.path === last.source;
    };
    const masks = (paths: readonly string[], bytes: () => Buffer): readonly RootEntry[] =>
      [...new Set(paths.flatMap((path) => host.real(path) ?? []))]
        .filter(isShown)
        .map((path) => ({ kind: 'mask', path, directory: false, content: bytes().toString('base64') }));
    return [
      { kind: 'file', path: AUTHORITY, content: authority },
      { kind: 'file', path: BUNDLE, content },
      ...masks(SYSTEM_BUNDLES, () => Buffer.from(content)),
      ...masks(JAVA_BUNDLES, () => javaBundle(content)),
    ];
  }

  /** @param listeners in the order of the places, owned from here on */
  take(listeners: readonly OwnedFd[]): void {
    this.#listeners = listeners;
  }

  /** What the process inherits. It may start again: the clients wait in their queues. */
  get listeners(): readonly InheritedListener[] {
    return this.#listeners.map((listener, index) => ({
      name: `gateway${index}`,
      pass: () => duplicate(listener.number),
      mayHoldDescriptors: false,
      suspect: () => {},
    }));
  }

  /** @param held all that the hosts name */
  settings({ secrets, files }: Held): GatewaySettings {
    return {
      hosts: this.#hosts.map((one) => ({
        host: one.host,
        leaf: this.#certificates.leaves.get(one.host) ?? { key: '', certificate: '' },
        mode: this.#config.mode,
        allow: one.allow,
        deny: one.deny,
        headers: one.headers,
        placeholder: this.#placeholderOf(one),
        aws: one.aws,
        masks: one.masks,
        roots: files.get(one.host)?.ca ?? (this.#roots || undefined),
        client: files.get(one.host)?.client,
      })),
      secrets: [...secrets],
      listeners: this.#places().map(({ host, port, plainName }) => ({ host, port, plainName })),
    };
  }

  close(): void {
    // A broker that was taken over can take one from the process, connect it, and have it linger.
    closeElsewhere(...this.#listeners);
    this.#listeners = [];
  }

  /** Each port of each host. Port 80 is that of plain HTTP where there is a name for it. */
  #places(): readonly (ServedPlace & { readonly address: string; readonly listens: number })[] {
    return this.#hosts.flatMap(({ host, ports, baseUrl = false }, index) => {
      const { text: address } = gatewayAddress(index);
      const own = ports.filter((port) => !baseUrl || port !== PLAIN_PORTS.inside);
      const places = own.map((port) => ({ host, address, port, listens: port }));
      if (!baseUrl) return places;
      return [
        ...places,
        {
          host,
          address,
          port: PLAIN_PORTS.upstream,
          listens: PLAIN_PORTS.inside,
          plainName: plainNameOf(host),
        },
      ];
    });
  }

  #placeholderOf({ placeholder }: GatewayHost): Placeholder | undefined {
    const token = placeholder && this.#tokens.get(placeholder.name);
    if (placeholder === undefined || token === undefined) return undefined;
    return { token, secret: placeholder.secret, headers: placeholder.in.map((one) => one.toLowerCase()) };
  }
}

/** Those of the host; empty: it has none, and Node's own count. */
export function systemRoots(): string {
  for (const path of SYSTEM_BUNDLES) {
    try {
      return `${readFileSync(path, 'utf8').trimEnd()}\n`;
    } catch {
      // Another system.
    }
  }
  return '';
}

const PEM = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g;
/** The password of every such file of a system. It protects nothing: the certificates are readable without it. */
const JAVA_PASSWORD = 'changeit';

/** The certificates as Java reads them: its format JKS, by sun.security.provider.JavaKeyStore. @param pem certificates, one behind the other */
function javaBundle(pem: string): Buffer {
  const numbers = (size: 2 | 4, ...values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(size * values.length);
    for (const [index, value] of values.entries()) bytes.writeUIntBE(value, index * size, size);
    return bytes;
  };
  const text = (word: string): Buffer =>
    Buffer.concat([numbers(2, word.length), Buffer.from(word, 'latin1')]);
  const certificates = [...pem.matchAll(PEM)].map(([, body = '']) => Buffer.from(body, 'base64'));
  const [magic, version, trusted, date] = [0xfeedfeed, 2, 2, [0, 0]];
  const entries = certificates.flatMap((der, index) => [
    ...[numbers(4, trusted), text(`postern${index}`), numbers(4, ...date)],
    ...[text('X.509'), numbers(4, der.length), der],
  ]);
  const content = Buffer.concat([numbers(4, magic, version, certificates.length), ...entries]);
  const password = Buffer.from(JAVA_PASSWORD, 'utf16le').swap16();
  const digest = createHash('sha1').update(password).update('Mighty Aphrodite').update(content).digest();
  return Buffer.concat([content, digest]);
}

// The process, as a plugin that nobody has configured: it is confined as one, and the broker knows it as one. Its name is none that a plugin can have.

/** Of its process. Its buffers are bounded, so only one that was taken over needs more. */
const MEMORY_MIB = 1024;

/** One for each configuration: the broker's line of it is made once. */
const configs = new WeakMap<PluginConfig, PluginConfig>();

/** @returns undefined for a plugin without a gateway */
export function gatewayConfig(plugin: PluginConfig): PluginConfig | undefined {
  if (plugin.gateway === undefined || plugin.gateway.length === 0) return undefined;
  const known = configs.get(plugin) ?? configFor(plugin);
  configs.set(plugin, known);
  return known;
}

function configFor(plugin: PluginConfig): PluginConfig {
  const name = gatewayName(plugin.name);
  // protects: G8 gateway: its memory is bounded => const own: Limits = limitsOf({});
  const own: Limits = limitsOf({ memory_mib: MEMORY_MIB });
  // protects: G23 gateway: it reaches its own hosts alone => const hosts = plugin.allow;
  const hosts = plugin.gateway?.flatMap(({ host, ports }) => ports.map((port) => `${host}:${port}`)) ?? [];
  const addresses = plugin.gateway?.flatMap((one) => one.addresses ?? []) ?? [];
  return {
    ...plainPlugin(name, [process.execPath, ...nodeFlags(), bundlePath('gateway')]),
    visible: ownCodePaths(),
    egress: 'channel',
    // Its hosts at the ports that the plugin's rules open, and nothing else that the plugin may reach. To a special address it may connect where the owner of
    // the address has the certificate of a host.
    allow:
      /* protects: G23 gateway: special addresses of its hosts are open to the gateway alone => hosts */ [
        ...hosts,
        ...addresses,
      ],
    deny: plugin.deny,
    via: plugin.via,
    revoke: plugin.revoke,
    limits: { ...plugin.limits, ...Object.fromEntries(SANDBOX_LIMITS.map((key) => [key, own[key]])) },
  };
}
