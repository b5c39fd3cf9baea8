// The schema of postern.yaml. Each key says what it means, what is expected, and its default. The JSON Schema for editors and
// docs/config.md are made from it. Defaults are filled in later: a plugin's keys are first merged with those of `defaults`.

import * as z from 'zod';
import { MODES } from '../words.js';
import { callsBy } from './call-forms.js';
import {
  AUDIT_FORMATS,
  type ConfigFile,
  DEFAULT_ASK_S,
  DEFAULT_AUDIT,
  DEFAULT_AUDIT_FORMAT,
  DEFAULT_POLL_S,
  DEFAULT_STOP_GRACE_MS,
  DEFAULT_WHEN_FULL,
  type GatewayFile,
  MOST_ASK_S,
  type PolicyFile,
  type RuleFile,
  WHEN_FULL,
} from './config-file.js';
import { DEFAULT_EXPORT_S, EXPORT_SIGNALS } from './export-config.js';
import { gatewaySchema, requestRulesSchema, secretsSchema } from './gateway-schema.js';
import { LIMIT_FORMS, type LimitForm } from './limit-forms.js';
import {
  DEFAULT_READY_S,
  DEFAULT_REVOKE,
  KINDS,
  PLUGIN_NAME,
  plainPlugin,
  REVOKE,
  STOP_SIGNALS,
  UNKNOWN,
  VARIABLE_NAME,
} from './plugin-config.js';
import { viaSchema } from './via-schema.js';

/** A plugin as it is if nothing is written. */
const PLAIN = plainPlugin('', []);

type Count = Pick<LimitForm, 'min' | 'max' | 'default' | 'help'>;

const text = (expected: string): z.ZodString => z.string({ error: `expected ${expected}` });
const list = <T extends z.ZodType>(item: T, expected: string): z.ZodArray<T> =>
  z.array(item, { error: `expected ${expected}` });
const count = ({ min, max, default: usual, help }: Count): z.ZodOptional<z.ZodInt> => {
  const error = `expected a whole number from ${min} to ${max}`;
  return z
    .int({ error })
    .min(min, { error })
    .max(max, { error })
    .meta({ description: help, ...(usual === undefined ? {} : { default: usual }) })
    .optional();
};
const words = <const T extends readonly [string, ...string[]]>(
  options: T,
  usual: string,
  what: string,
): z.ZodOptional<z.ZodEnum<{ [K in T[number]]: K }>> =>
  z
    .enum(options, { error: `expected ${options.join(', ').replace(/, ([^,]*)$/, ' or $1')}` })
    .meta({ description: what, default: usual })
    .optional();

const rules = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  list(
    text('a rule such as api.example.com:443'),
    'a list of rules such as [api.example.com, 10.1.0.0/16:5432]',
  )
    .describe(what)
    .optional();
const paths = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  list(text('a path').min(1, { error: 'expected a path' }), 'a list of paths, for example [./data]')
    .describe(what)
    .optional();

// check-values.ts checks the names, since it can say why a call is refused.
const calls = (by: 'allow' | 'unsafe_allow', what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  list(
    text('a system call').meta({ enum: callsBy(by) }),
    `a list of system calls, for example [${callsBy(by)[0]}]`,
  )
    .describe(what)
    .optional();

// check-values.ts checks the keys: if the schema refused one, it would not report errors in the values.
const name = z.string().meta({ pattern: PLUGIN_NAME.source });
const variable = z.string().meta({ pattern: VARIABLE_NAME.source });

const allow = rules('What the plugin may connect to. It reaches nothing else.');
const deny = rules(
  'What the plugin may not connect to, even where `allow` has it. A rule without a port covers every port.',
);
const MAP = 'expected a map';

const shared = {
  allow,
  deny,
  presets: paths(
    'Presets of postern by their names, and files of rules by their paths. Each file has its own `allow` and `deny`.',
  ),
  env: z
    .record(variable, text('a string'), { error: 'expected a map of strings, as {LOG_LEVEL: info}' })
    .describe('Environment variables for the plugin. It sees only a few of those outside.')
    .optional(),
  cwd: text('a folder')
    .describe('The working directory, which the plugin can read. By default the folder of this file.')
    .optional(),
  mode: words(MODES, PLAIN.mode, 'audit: postern allows and reports what no rule allows.'),
  unknown: words(
    UNKNOWN,
    PLAIN.unknown,
    'A destination that no rule allows. ask: the program waits while a person or a program is asked. Special addresses are never asked about.',
  ),
  egress: words(
    ['transparent', 'channel'],
    PLAIN.egress,
    'How the plugin gets connections. transparent: connect(2) goes through the broker. channel: connect(2) is refused, and programs use the client library.',
  ),
  filesystem: z
    .strictObject(
      {
        visible: paths('Paths of the host that the plugin may read.'),
        writable: paths('Paths of the host that the plugin may read and write.'),
        hidden: paths(
          'Paths that the plugin does not see, below a path that it sees. The innermost path wins.',
        ),
      },
      { error: `${MAP} with visible, writable and hidden` },
    )
    .describe('What the plugin sees of the host besides the system, its program and its working directory.')
    .optional(),
  via: viaSchema,
  restart: z
    .strictObject(
      {
        policy: words(
          ['no', 'on-failure', 'always'],
          PLAIN.restart.policy,
          'on-failure: after a status other than 0, or a signal.',
        ),
        delay_ms: count({
          min: 10,
          max: 3_600_000,
          default: PLAIN.restart.delayMs,
          help: 'The first wait before a restart, in milliseconds. Each further wait is twice as long.',
        }),
        max_delay_ms: count({
          min: 10,
          max: 86_400_000,
          default: PLAIN.restart.maxDelayMs,
          help: 'The longest wait, in milliseconds.',
        }),
        reset_after_ms: count({
          min: 0,
          max: 86_400_000,
          default: PLAIN.restart.resetAfterMs,
          help: 'A plugin that ran for so many milliseconds starts again with the first wait.',
        }),
      },
      { error: `${MAP}, as {policy: on-failure}` },
    )
    .describe('When postern starts a plugin again that has ended.')
    .optional(),
  stop: z
    .strictObject(
      {
        signal: words(STOP_SIGNALS, PLAIN.stop.signal, 'The signal that asks the plugin to end.'),
        grace_ms: count({
          min: 0,
          max: 3_600_000,
          default: PLAIN.stop.graceMs,
          help: 'How long it may take, in milliseconds. After that every process of the plugin is killed.',
        }),
      },
      { error: `${MAP}, as {signal: SIGINT, grace_ms: 5000}` },
    )
    .describe('How postern stops the plugin.')
    .optional(),
  limits: z
    .strictObject(
      Object.fromEntries(Object.entries<LimitForm>(LIMIT_FORMS).map(([key, form]) => [key, count(form)])),
      { error: `${MAP} of whole numbers, as {requests_per_second: 100}` },
    )
    .describe('Limits of the plugin. A limit without a default does not exist unless it is written.')
    .optional(),
  seccomp: z
    .strictObject(
      {
        allow: calls('allow', 'System calls to add that weaken no guarantee.'),
        unsafe_allow: calls(
          'unsafe_allow',
          'System calls to add that weaken a guarantee. `postern check` says which guarantee, and how.',
        ),
      },
      { error: `${MAP} with allow and unsafe_allow` },
    )
    .describe('System calls, by name, in addition to those that every plugin has.')
    .optional(),
};

const pluginSchema = z.strictObject(
  {
    command: list(text('a string'), 'a list: the program and its arguments, for example [node, server.js]')
      .min(1, { error: 'expected a list with the program at least, for example [node, server.js]' })
      .describe('The program and its arguments. postern starts no shell.'),
    ...shared,
    gateway: gatewaySchema,
    home: text('a folder')
      .min(1, { error: 'expected a folder' })
      .describe(
        'A folder of the host that is the HOME of the plugin, kept between runs. postern makes it if its parent exists. By default each run has an empty home.',
      )
      .optional(),
    listen: list(
      z.strictObject(
        {
          name: text('a name, as http').describe('The name of the socket in LISTEN_FDNAMES.'),
          address: text('an address such as 127.0.0.1:8080, or the path of a UNIX socket').describe(
            'ADDRESS:PORT, or the path of a UNIX socket.',
          ),
        },
        { error: `${MAP}, as {name: http, address: 127.0.0.1:8080}` },
      ),
      'a list, for example [{name: http, address: 127.0.0.1:8080}]',
    )
      .describe('Listening sockets that the plugin inherits, from descriptor 3 on.')
      .optional(),
    kind: words(
      KINDS,
      PLAIN.kind,
      'service: a program that goes on. job: a program that does its work and ends; plugins that come after it start once it has ended with 0.',
    ),
    ready: z
      .strictObject(
        {
          listener: text('the name of a listener')
            .describe(
              'The plugin is ready when it accepts a connection on this listener. postern makes one, and closes it at once.',
            )
            .optional(),
          after_ms: count({
            min: 0,
            max: 3_600_000,
            help: 'The plugin is ready so many milliseconds after its start.',
          }),
          notify: z
            .literal(true, { error: 'expected true' })
            .describe(
              'The plugin is ready when one of its processes says so, as sd_notify(3) does: it finds NOTIFY_SOCKET. Not with egress: channel.',
            )
            .optional(),
          timeout_s: count({
            min: 1,
            max: 86_400,
            default: DEFAULT_READY_S,
            help: 'Seconds until a plugin that is not ready is ended, with listener or notify. `restart` decides what comes then.',
          }),
        },
        { error: `${MAP}, as {listener: http}, {after_ms: 500} or {notify: true}` },
      )
      .describe(
        'When plugins that come after this one may start. By default when its program begins; for a job when it has ended with 0.',
      )
      .optional(),
    after: list(text('a plugin'), 'a list of plugins, for example [database]')
      .describe('Plugins that are ready before this one starts, and stop after it.')
      .optional(),
  },
  { error: `${MAP} with the key command` },
);

export const configSchema: z.ZodType<ConfigFile> = z.strictObject(
  {
    metrics: text('HOST:PORT, for example 127.0.0.1:9464')
      .describe('The address that serves /metrics and /healthz. Without it there is no such server.')
      .optional(),
    audit: z
      .union(
        [
          z.string(),
          z.strictObject(
            {
              to: text('stderr, stdout or a path')
                .meta({ description: 'stderr, stdout or the path of a file.', default: DEFAULT_AUDIT })
                .optional(),
              format: words(
                AUDIT_FORMATS,
                DEFAULT_AUDIT_FORMAT,
                'The form of each line. postern: the events of the audit log. ocsf: OCSF 1.6.0. ecs: Elastic Common Schema 9.4. `postern audit` reads the form postern alone.',
              ),
              when_full: words(
                WHEN_FULL,
                DEFAULT_WHEN_FULL,
                'While the log takes no events. drop: events are left out, and a line of the log says how many. block: new connections wait, and no event is left out.',
              ),
            },
            { error: `${MAP} with to, format and when_full` },
          ),
        ],
        { error: 'expected stderr, stdout or a path, or a map, as {to: stderr, when_full: block}' },
      )
      .meta({
        description:
          'Where audit events go: stderr, stdout or the path of a file. Each event is one line of JSON. Or a map, as {to: stderr, when_full: block}.',
        default: DEFAULT_AUDIT,
      })
      .optional(),
    control: text('a path, or off')
      .min(1, { error: 'expected a path, or off' })
      .describe(
        'The path of the control socket, which takes commands such as `postern status`. off: there is none. By default it is `$XDG_RUNTIME_DIR/postern/NAME.sock`, without that folder `~/.local/state/postern/NAME.sock`, and as root `/run/postern/NAME.sock`, with the name of this file.',
      )
      .optional(),
    ui: z
      .union(
        [
          z.string(),
          z.strictObject(
            {
              address: text('127.0.0.1:9465, or unix: and a path').describe(
                'A loopback address with a port, or `unix:` and the path of a socket.',
              ),
              edit: z
                .boolean({ error: 'expected true or false' })
                .meta({
                  description:
                    'Whether the page may add an allow rule to this file, after it has shown what that opens.',
                  default: false,
                })
                .optional(),
            },
            { error: `${MAP} with address and edit` },
          ),
        ],
        {
          error:
            'expected an address such as 127.0.0.1:9465, or a map, as {address: 127.0.0.1:9465, edit: true}',
        },
      )
      .describe(
        'Where the live page is served: a loopback address with a port, or `unix:` and the path of a socket. `postern ui` prints its link. Without it there is none. Or a map, as {address: 127.0.0.1:9465, edit: true}.',
      )
      .optional(),
    dns: list(text('an address such as 127.0.0.53'), 'a list of addresses, for example [127.0.0.53]')
      .min(1, { error: 'expected at least one address; leave the key out for those of /etc/resolv.conf' })
      .describe('DNS servers to ask instead of those in /etc/resolv.conf.')
      .optional(),
    stop_grace_ms: count({
      min: 0,
      max: 3_600_000,
      default: DEFAULT_STOP_GRACE_MS,
      help: 'How long all plugins together may take to stop, in milliseconds. After that the rest are killed.',
    }),
    reload: z
      .strictObject(
        {
          watch: z
            .boolean({ error: 'expected true or false' })
            .meta({
              description:
                'Whether postern reads this file again by itself whenever it, or a file of presets, changes. Without it, SIGHUP does that.',
              default: false,
            })
            .optional(),
          revoke: words(
            REVOKE,
            DEFAULT_REVOKE,
            'What becomes of open connections that the new rules do not allow. immediate: they are ended. drain: they go on until they end by themselves.',
          ),
        },
        { error: `${MAP}, as {watch: true}` },
      )
      .describe('How a change of this file comes into force while postern runs.')
      .optional(),
    ask: z
      .strictObject(
        {
          timeout_s: count({
            min: 1,
            max: MOST_ASK_S,
            default: DEFAULT_ASK_S,
            help: 'How long a question waits for an answer, in seconds. Then the destination is denied.',
          }),
          hook: list(
            text('a string'),
            'a list: the program and its arguments, for example [./hooks/answer.py]',
          )
            .min(1, { error: 'expected a list with the program at least, for example [./hooks/answer.py]' })
            .describe(
              'A program that answers: it gets each question as one line of JSON, and prints {"answer": …}. It runs with the rights of postern, outside of every sandbox, starts in / and lies in a folder of its own, in which no plugin writes.',
            )
            .optional(),
        },
        { error: `${MAP}, as {timeout_s: 60}` },
      )
      .describe('The questions about destinations that no rule allows, where `unknown` of a plugin is ask.')
      .optional(),
    policy: z
      .strictObject(
        {
          url: text('a URL').describe(
            'Where the signed policy is: http or https. No redirect is followed. With http, others on the way can read it.',
          ),
          poll_s: count({
            min: 1,
            max: 86_400,
            default: DEFAULT_POLL_S,
            help: 'How often it is looked for, in seconds.',
          }),
          public_key: text('a path')
            .min(1, { error: 'expected a path' })
            .describe('A file with the public Ed25519 key, in PEM.'),
          addresses: list(text('a string'), 'a list of addresses such as [10.1.2.0/24:443]')
            .describe('Special addresses that the host of the URL may have, as rules for addresses.')
            .optional(),
        },
        { error: `${MAP}, as {url: https://policy.example.com/postern.yaml, public_key: policy.pem}` },
      )
      .describe('The policy of an organisation. The rules of this file can only narrow it.')
      .optional(),
    export: z
      .strictObject(
        {
          otlp: text('a URL').describe(
            'The collector, by OTLP over HTTP: http or https. `/v1/logs` and `/v1/metrics` come behind the path. No redirect is followed.',
          ),
          headers_file: text('a path')
            .min(1, { error: 'expected a path' })
            .describe(
              'A file with headers of each request, a line each, as `Authorization: Bearer TOKEN`. It is read as the file of a secret is, and again at each reload. Not with http, except to a loopback address.',
            )
            .optional(),
          ca: text('a path')
            .min(1, { error: 'expected a path' })
            .describe(
              "A file with certificates in PEM that may sign the collector's, instead of those of the system.",
            )
            .optional(),
          signals: list(z.enum(EXPORT_SIGNALS, { error: 'expected logs or metrics' }), 'a list, as [logs]')
            .min(1, { error: 'expected logs, metrics or both' })
            .meta({
              description: 'What is sent: audit events (logs), metrics, or both.',
              default: [...EXPORT_SIGNALS],
            })
            .optional(),
          interval_s: count({
            min: 1,
            max: 3600,
            default: DEFAULT_EXPORT_S,
            help: 'How often metrics are sent, and how long an audit event waits at most, in seconds.',
          }),
          addresses: list(text('a string'), 'a list of addresses such as [10.1.2.0/24:4318]')
            .describe('Special addresses that the host of the URL may have, as rules for addresses.')
            .optional(),
        },
        { error: `${MAP}, as {otlp: https://otel.example.com:4318}` },
      )
      .describe(
        'A collector of OpenTelemetry that gets the audit events and the metrics, as well as the log and the port.',
      )
      .optional(),
    secrets: secretsSchema,
    defaults: z
      .strictObject(shared, { error: MAP })
      .describe('Keys for all plugins. A plugin adds to lists, and replaces single values.')
      .optional(),
    plugins: z
      .record(name, pluginSchema, { error: 'expected a map of plugins by name' })
      .describe(
        'The plugins by name. A name has a-z, 0-9, _ and -, at most 63 characters, and starts with a letter or digit.',
      ),
  },
  { error: `${MAP} with the key plugins` },
);

/** A policy, and what `check --within` reads. */
export const policyFileSchema: z.ZodType<PolicyFile> = z.strictObject(
  {
    serial: count({ min: 1, max: Number.MAX_SAFE_INTEGER, help: 'Higher than that of the policy before.' }),
    allow,
    deny,
    gateway: z
      .record(z.string(), requestRulesSchema, {
        error: 'expected a map of hosts, as {api.example.com: {allow: [read-only]}}',
      })
      .describe('Hosts that plugins may reach by a gateway alone, with the requests that it may let through.')
      .optional(),
  },
  { error: `${MAP} with serial and allow` },
);

/** A file of a gateway, for --gateway. */
export const gatewayFileSchema: z.ZodType<GatewayFile> = z.strictObject(
  { secrets: secretsSchema, gateway: gatewaySchema.unwrap() },
  { error: `${MAP} with gateway and secrets` },
);

/** A file of rules, for `presets` and --rules. */
export const ruleFileSchema: z.ZodType<RuleFile> = z.strictObject(
  { allow, deny },
  { error: `${MAP} with allow or deny` },
);
