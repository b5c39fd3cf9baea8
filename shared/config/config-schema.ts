// The form of postern.yaml. Each leaf says in `error` what is expected of it; the JSON Schema for editors comes of the same
// definitions. Defaults are not filled in here: a plugin's keys are first joined with those of `defaults`.
import * as z from 'zod';
import { MODES } from '../reasons.js';
import { callsBy } from './call-forms.js';
import type { ConfigFile, RuleFile } from './config-file.js';
import { LIMIT_FORMS } from './limit-forms.js';
import { NO_RESTART, PLUGIN_NAME, VARIABLE_NAME } from './plugin-config.js';

const text = (expected: string): z.ZodString => z.string({ error: `expected ${expected}` });
const list = <T extends z.ZodType>(item: T, expected: string): z.ZodArray<T> =>
  z.array(item, { error: `expected ${expected}` });
const count = (
  least: number,
  most: number,
  usual: number | undefined,
  what: string,
): z.ZodOptional<z.ZodInt> => {
  const error = `expected a whole number from ${least} to ${most}`;
  return z
    .int({ error })
    .min(least, { error })
    .max(most, { error })
    .meta({ description: what, ...(usual === undefined ? {} : { default: usual }) })
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
  list(text('a rule, as api.example.com:443'), 'a list of rules, as [api.example.com, 10.1.0.0/16:5432]')
    .describe(what)
    .optional();
const paths = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  list(text('a path').min(1, { error: 'expected a path' }), 'a list of paths, as [./data]')
    .describe(what)
    .optional();

// Names are held to the list by check-values.ts, which says why not.
const calls = (by: 'allow' | 'unsafe_allow', what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  list(text('a system call').meta({ enum: callsBy(by) }), `a list of system calls, as [${callsBy(by)[0]}]`)
    .describe(what)
    .optional();

// Keys are held to their patterns by check-values.ts: a map whose key is refused here would hide what is wrong in its values.
const name = z.string().meta({ pattern: PLUGIN_NAME.source });
const variable = z.string().meta({ pattern: VARIABLE_NAME.source });

const allow = rules('What the plugin may connect to. Nothing else is reached; empty allows nothing.');
const deny = rules('What it may not connect to, whatever is allowed. Without a port, every port.');
const MAP = 'expected a map';

const shared = {
  allow,
  deny,
  presets: paths('Files of rules, each with `allow` and `deny` of its own.'),
  env: z
    .record(variable, text('a string'), { error: 'expected a map of strings, as {LOG_LEVEL: info}' })
    .describe('Variables for the plugin. Of those outside it sees but a few.')
    .optional(),
  cwd: text('a folder')
    .describe('Where the plugin starts; visible to it, read-only. By default the folder of this file.')
    .optional(),
  mode: words(MODES, 'enforce', 'audit lets through, and reports, what no rule allows.'),
  egress: words(
    ['transparent', 'channel'],
    'transparent',
    'transparent: any program connects as usual, through the broker. channel: connect(2) is refused, and the client library asks.',
  ),
  filesystem: z
    .strictObject(
      {
        visible: paths('Paths of the host that the plugin may read.'),
        writable: paths('Paths of the host that it may write, too.'),
        hidden: paths(
          'Paths of the host that it does not see, of what it would see. The innermost path wins.',
        ),
      },
      { error: `${MAP} with visible, writable and hidden` },
    )
    .describe(
      'What the plugin sees of the host beyond the system, its own program and its working directory.',
    )
    .optional(),
  restart: z
    .strictObject(
      {
        policy: words(
          ['no', 'on-failure', 'always'],
          NO_RESTART.policy,
          'When a plugin that ended is started again.',
        ),
        delay_ms: count(
          10,
          3_600_000,
          NO_RESTART.delayMs,
          'The first wait; each further one is twice as long.',
        ),
        max_delay_ms: count(10, 86_400_000, NO_RESTART.maxDelayMs, 'The longest wait.'),
        reset_after_ms: count(
          0,
          86_400_000,
          NO_RESTART.resetAfterMs,
          'A plugin that ran so long begins with the first wait again.',
        ),
      },
      { error: `${MAP}, as {policy: on-failure}` },
    )
    .optional(),
  limits: z
    .strictObject(
      Object.fromEntries(
        Object.entries(LIMIT_FORMS).map(([key, { least, most, usual, what }]) => [
          key,
          count(least, most, usual, what),
        ]),
      ),
      { error: `${MAP} of whole numbers, as {requests_per_second: 100}` },
    )
    .optional(),
  seccomp: z
    .strictObject(
      {
        allow: calls('allow', 'Calls to add that weaken no guarantee.'),
        unsafe_allow: calls('unsafe_allow', 'Calls to add that do; `postern check` tells which, and how.'),
      },
      { error: `${MAP} with allow and unsafe_allow` },
    )
    .describe('System calls beside those that every plugin has, by name.')
    .optional(),
};

const pluginSchema = z.strictObject(
  {
    command: list(text('a string'), 'a list: the program and its arguments, as [node, server.js]')
      .min(1, { error: 'expected a list with the program at least, as [node, server.js]' })
      .describe('The program and its arguments. No shell reads them.'),
    ...shared,
    home: text('a folder')
      .min(1, { error: 'expected a folder' })
      .describe(
        'A folder of the host that is the HOME of the plugin and outlasts its runs. It is made where its parent is there. By default each run has an empty home.',
      )
      .optional(),
    listen: list(
      z.strictObject(
        {
          name: text('a name, as http').describe('Told to the plugin in LISTEN_FDNAMES.'),
          address: text('an address, as 127.0.0.1:8080, or the path of a UNIX socket').describe(
            'HOST:PORT or a path.',
          ),
        },
        { error: `${MAP}, as {name: http, address: 127.0.0.1:8080}` },
      ),
      'a list, as [{name: http, address: 127.0.0.1:8080}]',
    )
      .describe('Listening sockets that the plugin inherits, from descriptor 3 on.')
      .optional(),
    after: list(text('a plugin'), 'a list of plugins, as [database]')
      .describe('Plugins that are started before this one, and stopped after it.')
      .optional(),
  },
  { error: `${MAP} with the key command` },
);

export const configSchema: z.ZodType<ConfigFile> = z.strictObject(
  {
    metrics: text('HOST:PORT, as 127.0.0.1:9464')
      .describe('Serves /metrics and /healthz. Absent: no port.')
      .optional(),
    audit: text('stderr, stdout or a path')
      .meta({
        description: 'Where audit events go, a line of JSON each: stderr, stdout or a path.',
        default: 'stderr',
      })
      .optional(),
    dns: list(text('an address, as 127.0.0.53'), 'a list of addresses, as [127.0.0.53]')
      .describe('DNS servers to ask instead of those of /etc/resolv.conf.')
      .optional(),
    defaults: z
      .strictObject(shared, { error: MAP })
      .describe('For all plugins: lists are added to, single values give way.')
      .optional(),
    plugins: z
      .record(name, pluginSchema, { error: 'expected a map of plugins by name' })
      .describe('Each plugin by its name.'),
  },
  { error: `${MAP} with the key plugins` },
);

/** A file of rules, for `presets` and --rules. */
export const ruleFileSchema: z.ZodType<RuleFile> = z.strictObject(
  { allow, deny },
  { error: `${MAP} with allow or deny` },
);
