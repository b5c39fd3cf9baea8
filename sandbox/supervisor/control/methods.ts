// The methods of the control socket: their parameters, and what they ask of the supervisor. Runs in the supervisor. PROTOCOL.md describes them.
import * as z from 'zod';
import { KEPT_EVENTS, KEPT_LINES, LISTED_CONNECTIONS } from '../../../shared/limits.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import { AUDIT_EVENTS, type AuditEventName } from '../../../shared/protocol/audit-events.js';
import { ASK_SCOPES } from '../../../shared/words.js';
import type { AskEnding, AskRequest, Asks } from '../approval/asks.js';
import type { Learnt } from '../learn/learner.js';
import type { AskNews, ControlTarget, ShownAsk } from './control-surface.js';
import type { Denials } from './denials.js';
import type { PluginLogs } from './plugin-logs.js';
import { RpcError } from './rpc.js';

/** What a client may watch: reports of the state, or each thing that happens. */
export type Watching =
  | { readonly kind: 'state' }
  | {
      readonly kind: 'events';
      /** What a watch begins with. Without it: what a call returns. */
      readonly now?: (params: unknown) => unknown;
      readonly begin: (params: unknown, send: (event: unknown) => void) => () => void;
    };

export interface Method {
  /** @throws RpcError `params`, PosternError */
  readonly call: (params: unknown) => unknown;
  readonly watching?: Watching;
}

const MAX_HOST = 1024;
const MAX_LISTED = 1000;
const MAX_ID = 64;
const EVENT_NAMES = Object.keys(AUDIT_EVENTS) as AuditEventName[];

const NOTHING_LEARNT: Learnt = {
  ...{ rules: [], looked_up: [], shared: [], refused: [], missed: 0, assumed: [], requests: [] },
};

const plugin = z.string().max(63);
const most = (highest: number, usual: number): z.ZodDefault<z.ZodInt> =>
  z.int().min(1).max(highest).default(usual);

/** In UTC and with milliseconds: as the times with which it is compared. */
const time = z.iso.datetime({ precision: 3 });

const PARAMS = {
  none: z.strictObject({}),
  plugin: z.strictObject({ plugin }),
  learn: z.strictObject({ plugin, allowed: z.boolean().default(false) }),
  denials: z.strictObject({
    plugin: plugin.optional(),
    order: z.enum(['count', 'latest']).default('count'),
    since: time.optional(),
    limit: most(MAX_LISTED, 20),
  }),
  connections: z.strictObject({ plugin: plugin.optional(), limit: most(LISTED_CONNECTIONS, 100) }),
  explain: z.strictObject({
    plugin,
    host: z.string().min(1).max(MAX_HOST),
    port: z.int().min(0).max(65_535),
    egress: z.enum(['transparent', 'channel']).optional(),
    resolved: z
      .array(z.string().refine((text) => parseAddress(text) !== undefined, 'expected addresses'))
      .max(64)
      .optional(),
  }),
  events: z.strictObject({
    plugin: plugin.optional(),
    event: z.enum(EVENT_NAMES).optional(),
    limit: most(KEPT_EVENTS, 100),
  }),
  rules: z.strictObject({
    plugin: plugin.optional(),
    unused: z.boolean().default(false),
    limit: most(MAX_LISTED, 200),
  }),
  disconnect: z.strictObject({ plugin, decision_id: z.string().max(MAX_ID) }),
  allow: z.strictObject({
    plugin,
    rule: z.string().refine((text) => parseRule(text, 'allow') !== undefined, 'expected a rule'),
  }),
  approve: z.strictObject({ id: z.string().max(MAX_ID), scope: z.enum(ASK_SCOPES).default('once') }),
  deny: z.strictObject({ id: z.string().max(MAX_ID) }),
  logs: z.strictObject({ plugin: plugin.optional(), since: time.optional(), lines: most(KEPT_LINES, 50) }),
};

/** @returns the methods of the parts that the target has, by their names */
export function methodsOf(target: ControlTarget): ReadonlyMap<string, Method> {
  const { denials, events, hits, logs, allow, page } = target;
  const known = (name: string | undefined): string | undefined => {
    if (name !== undefined) target.requirePlugin(name);
    return name;
  };
  /** Those of the plugin that is asked for, or of all. */
  const eventsOf = (
    schema: z.ZodType<{ readonly plugin?: string | undefined }>,
    source: Pick<Denials, 'watch'> | Pick<PluginLogs, 'watch'>,
  ): Watching => ({
    kind: 'events',
    begin: (params, send) => {
      const name = known(read(schema, params).plugin);
      return source.watch((event) => {
        if (name === undefined || event.plugin === name) send(event);
      });
    },
  });
  const methods: [string, Method][] = [
    ['supervisor', method(PARAMS.none, () => target.describe())],
    ['status', { ...method(PARAMS.none, () => target.status()), watching: { kind: 'state' } }],
    ['top', { ...method(PARAMS.none, () => target.top()), watching: { kind: 'state' } }],
    [
      'explain',
      method(PARAMS.explain, ({ plugin: name, ...query }) => {
        target.requirePlugin(name);
        return target.explain(name, query);
      }),
    ],
    [
      'connections',
      {
        ...method(PARAMS.connections, ({ plugin: name, limit }) => target.connections(known(name), limit)),
        watching: { kind: 'state' },
      },
    ],
    [
      'disconnect',
      method(PARAMS.disconnect, async ({ plugin: name, decision_id: id }) => {
        target.requirePlugin(name);
        await target.disconnect(name, id);
        return { plugin: name, decision_id: id };
      }),
    ],
    [
      'rules',
      method(PARAMS.rules, ({ plugin: name, unused, limit }) => {
        known(name);
        const asked = target.rules().filter((one) => (name ?? one.name) === one.name);
        return hits.list(asked, unused, limit);
      }),
    ],
    [
      'events',
      {
        ...method(PARAMS.events, ({ plugin: name, event, limit }) => ({
          events: events.last(known(name), event, limit),
        })),
        watching: {
          kind: 'events',
          begin: (params, send) => {
            const { plugin: name, event } = read(PARAMS.events, params);
            known(name);
            return events.watch((one) => {
              if ((name ?? one.plugin) === one.plugin && (event ?? one.event) === one.event) send(one);
            });
          },
        },
      },
    ],
    ['replace_broker', method(PARAMS.none, () => target.replaceBroker())],
    [
      'denials',
      {
        ...method(PARAMS.denials, ({ plugin: name, order, since, limit }) => ({
          denials: denials.list(known(name), order, limit, since),
        })),
        watching: eventsOf(PARAMS.denials, denials),
      },
    ],
    ['learn', learnMethod(target)],
  ];
  if (allow !== undefined)
    methods.push([
      'allow',
      method(PARAMS.allow, async ({ plugin: name, rule }) => {
        target.requirePlugin(name);
        await allow(name, rule);
        return { plugin: name, rule };
      }),
    ]);
  if (page !== undefined) methods.push(['page', method(PARAMS.none, () => ({ url: page() }))]);
  if (logs !== undefined)
    methods.push([
      'logs',
      {
        ...method(PARAMS.logs, ({ plugin: name, since, lines }) => ({
          lines: logs.last(known(name), lines, since),
        })),
        watching: eventsOf(PARAMS.logs, logs),
      },
    ]);
  return new Map([...methods, ...fleetMethods(target), ...askMethods(target)]);
}

/** The call itself learns nothing: only a watch shows, after a while, which rules a plugin needs. */
function learnMethod({ learners, requirePlugin, tellRefusals }: ControlTarget): Method {
  return {
    call: () => {
      throw new RpcError(
        'params',
        'What is learnt comes with time: watch it, by watch with the method learn',
      );
    },
    watching: {
      kind: 'events',
      now: (params) => {
        const scope = read(PARAMS.learn, params);
        requirePlugin(scope.plugin);
        return NOTHING_LEARNT;
      },
      begin: (params, send) => {
        const scope = read(PARAMS.learn, params);
        tellRefusals(scope.plugin);
        return learners.begin(scope, send);
      },
    },
  };
}

function fleetMethods({ fleet, requirePlugin }: ControlTarget): readonly [string, Method][] {
  if (fleet === undefined) return [];
  const act = (work: (name: string) => Promise<void>): Method =>
    method(PARAMS.plugin, async ({ plugin: name }) => {
      requirePlugin(name);
      await work(name);
      return { plugin: name };
    });
  const { reload } = fleet;
  const reloads: readonly [string, Method][] =
    reload === undefined ? [] : [['reload', method(PARAMS.none, () => reload())]];
  return [
    ['start', act(fleet.start)],
    ['stop', act(fleet.stop)],
    ['restart', act(fleet.restart)],
    ...reloads,
  ];
}

function askMethods({ asks }: ControlTarget): readonly [string, Method][] {
  return [
    [
      'asks',
      {
        ...method(PARAMS.none, () => ({ asks: asks.list().map(shownAsk) })),
        watching: { kind: 'events', begin: (_params, send) => watchAsks(asks, send) },
      },
    ],
    [
      'approve',
      method(PARAMS.approve, ({ id, scope }) => {
        asks.approve(id, scope, 'control');
        return { id, answer: scope };
      }),
    ],
    [
      'deny',
      method(PARAMS.deny, ({ id }) => {
        asks.deny(id, 'control');
        return { id, answer: 'deny' };
      }),
    ],
  ];
}

function watchAsks(asks: Asks, listener: (news: AskNews) => void): () => void {
  const opened = (request: AskRequest): void => listener({ opened: shownAsk(request) });
  const closed = ({ id }: AskRequest, ending: AskEnding): void =>
    listener({ closed: id, answer: ending === 'withdrawn' ? ending : ending.answer });
  asks.on('opened', opened).on('closed', closed);
  return () => asks.off('opened', opened).off('closed', closed);
}

export function shownAsk({ pid, program, since, deadline, ...request }: AskRequest): ShownAsk {
  const dateOf = (time: number): string => new Date(time).toISOString();
  const asker = { pid: pid ?? null, program: program ?? null };
  return { ...request, ...asker, since: dateOf(since), deadline: dateOf(deadline) };
}

function method<P>(schema: z.ZodType<P>, call: (params: P) => unknown): Method {
  return { call: (params) => call(read(schema, params)) };
}

/** @throws RpcError `params` */
export function read<P>(schema: z.ZodType<P>, params: unknown): P {
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new RpcError('params', `Wrong params${where === '' ? '' : `, ${where}`}: ${issue?.message}`);
}
