// A live page whose control socket tells what a test wants: each state that a postern can have, without one that has it.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openControl } from '../../../sandbox/cli/control/control-command.js';
import { ControlLine } from '../../../sandbox/cli/ui/control-line.js';
import { makeLink } from '../../../sandbox/cli/ui/page-keys.js';
import { PageServer } from '../../../sandbox/cli/ui/page-server.js';
import { Asks } from '../../../sandbox/supervisor/approval/asks.js';
import { ControlServer } from '../../../sandbox/supervisor/control/control-server.js';
import { ControlSocket } from '../../../sandbox/supervisor/control/control-socket.js';
import type {
  ControlTarget,
  PluginStatus,
  ShownAsk,
  TopPlugin,
} from '../../../sandbox/supervisor/control/control-surface.js';
import { Denials } from '../../../sandbox/supervisor/control/denials.js';
import { RecentEvents, RuleHits } from '../../../sandbox/supervisor/control/recent-events.js';
import { Learners } from '../../../sandbox/supervisor/learn/learner.js';
import type { AuditEvent } from '../../../shared/protocol/audit-events.js';
import type { OpenConnection } from '../../../shared/protocol/open-connections.js';
import { readableFolder } from '../../harness/users.js';

/** Names that a plugin may choose: markup, and characters that change how others look. */
export const MARKUP = '<img src=x onerror="document.title=\'taken\'">';
export const REVERSED = 'moc.elpmaxe\u202e';

export interface PageScene {
  readonly base: string;
  readonly config: string;
  /** A link that counts once. */
  readonly link: () => string;
  /** As a plugin causes it. */
  readonly event: (event: AuditEvent) => void;
  /** What the page had done, as `disconnect web c1`. */
  readonly acts: readonly string[];
  readonly connections: OpenConnection[];
}

interface SceneOptions {
  readonly edit?: boolean;
}

const CONFIG = `plugins:
  web: {command: [node, web.js], allow: [api.example.com]}
  mail: {command: [node, mail.js], allow: [smtp.example.com:587], deny: [tracker.example.net]}
`;

export async function startPage(t: TestContext, { edit = false }: SceneOptions = {}): Promise<PageScene> {
  const folder = readableFolder();
  const config = join(folder, 'postern.yaml');
  writeFileSync(config, CONFIG);
  const acts: string[] = [];
  const [denials, events, hits] = [new Denials(() => true), new RecentEvents(), new RuleHits()];
  const connections: OpenConnection[] = [
    connection({ decision_id: 'c1' }),
    connection({
      decision_id: 'c2',
      plugin: 'mail',
      host: 'smtp.example.com',
      port: 587,
      rule: 'smtp.example.com:587',
    }),
    connection({ decision_id: 'c3', host: MARKUP, program: REVERSED, rtt_ms: null, sent_bytes: null }),
  ];
  const facts = { version: '1.0.0', pid: 4242, config, since: '2026-01-15T09:30:00.000Z' };
  const began = performance.now();
  const target: ControlTarget = {
    describe: () => facts,
    isOwn: () => false,
    requirePlugin: () => {},
    status: async () => ({
      ...facts,
      for_ms: performance.now() - began + 93_000_000,
      broker: { pid: 4243, version: '1.0.0' },
      plugins: [
        plugin({ name: 'web', status: `serving ${MARKUP}` }),
        plugin({ name: 'mail', state: 'waiting', pid: null, waits_for: ['web'] }),
        plugin({ name: 'import', state: 'failed', pid: null, starts: 3, last_end: `status 1 ${REVERSED}` }),
      ],
      asks: [ask({ id: '7' }), ask({ id: '8', host: REVERSED, program: MARKUP })],
    }),
    top: async () => {
      const at = performance.now();
      const wave = Math.round(at / 20 + 100 * Math.sin(at / 3_000));
      const used = {
        connects: wave,
        denials: Math.round(at / 1_500),
        sent_bytes: wave * 900,
        received_bytes: wave * 90_000,
      };
      return {
        at_ms: at,
        for_ms: at,
        plugins: [
          top({ name: 'web', ...used }),
          top({ name: 'mail', connects: 0 }),
          top({ name: 'import', state: 'failed', connections: null }),
        ],
      };
    },
    explain: async (_plugin, { host, port }) => ({
      ...{
        decision: 'deny',
        reason: 'address_denied',
        rule: null,
        host,
        port,
        suggestion: '10.1.2.3:5432',
        name_suggestion: host,
      },
      message: `Cannot connect to "${host}:${port}": 10.1.2.3 is a private address`,
      addresses: [
        { address: '192.0.2.7', class: 'public', fate: 'dialed', rule: null },
        { address: '10.1.2.3', class: 'private', fate: 'address_denied', rule: '10.0.0.0/8' },
      ],
      way: null,
    }),
    connections: async () => ({ connections: [...connections], more: 0 }),
    disconnect: async (name, id) => {
      acts.push(`disconnect ${name} ${id}`);
      connections.splice(
        connections.findIndex((one) => one.decision_id === id),
        1,
      );
    },
    rules: () => [
      { name: 'web', allow: ['api.example.com', 'old.example.com'], deny: [] },
      { name: 'mail', allow: ['smtp.example.com:587'], deny: ['tracker.example.net'] },
    ],
    allow: async (name, rule) => {
      acts.push(`allow ${name} ${rule}`);
      appendFileSync(config, `# ${rule}\n`);
    },
    replaceBroker: async () => ({ pid: 2, version: '1.0.0', in_order: true }),
    denials,
    events,
    hits,
    learners: new Learners(),
    tellRefusals: () => {},
    asks: asks(acts),
  };
  const path = join(folder, 'c.sock');
  const control = new ControlServer(new ControlSocket(path, false), target);
  const server = new PageServer(new ControlLine(() => openControl({ control: path })), {
    address: '127.0.0.1:0',
    edit,
  });
  const base = await server.listen();
  t.after(async () => {
    server.close();
    await control.close();
  });
  return {
    ...{ base, config, acts, connections },
    link: () => {
      const { url, token } = makeLink(base);
      server.admit(token);
      return url;
    },
    event: (event) => {
      denials.take(event);
      events.take(event);
      hits.take(event);
    },
  };
}

/** Answers what the page says, and notes it. */
function asks(acts: string[]): Asks {
  const made = new Asks(1, { mayAsk: () => false, answer: () => {}, keep: () => {} });
  made.approve = (id, scope) => void acts.push(`approve ${id} ${scope}`);
  made.deny = (id) => void acts.push(`deny ${id}`);
  return made;
}

let clock = 0;

export function decision(more: Partial<AuditEvent<'decision'>>): AuditEvent {
  clock += 1;
  return {
    ...{
      event: 'decision',
      ts: new Date(Date.UTC(2026, 0, 15, 9, 30) + clock).toISOString(),
      decision_id: `d${clock}`,
    },
    ...{
      plugin: 'web',
      pid: 77,
      program: 'node',
      door: 'trap',
      mode: 'enforce',
      decision: 'allow',
      reason: 'rule',
    },
    ...{
      rule: 'api.example.com',
      host: 'api.example.com',
      port: 443,
      names: [],
      addresses_considered: ['192.0.2.7'],
    },
    ...{
      addresses_dropped: [],
      dialed: '192.0.2.7',
      dns_ms: 2,
      connect_ms: 12,
      outcome: 'connected',
      policy_hash: 'x',
    },
    ...more,
  };
}

export function denial(host: string, more: Partial<AuditEvent<'decision'>> = {}): AuditEvent {
  const message = `Cannot connect to "${host}:443": no rule allows it`;
  const refused = {
    decision: 'deny',
    reason: 'no_rule',
    rule: null,
    outcome: null,
    dialed: null,
    message,
  } as const;
  return decision({ ...refused, host, suggestion: host, ...more });
}

export function request(path: string, more: Partial<AuditEvent<'http'>> = {}): AuditEvent {
  clock += 1;
  return {
    ...{
      event: 'http',
      ts: new Date(Date.UTC(2026, 0, 15, 9, 30) + clock).toISOString(),
      plugin: 'web',
      method: 'GET',
    },
    ...{
      host: 'api.example.com',
      port: 443,
      path,
      status: 200,
      sent_bytes: 0,
      received_bytes: 1234,
      duration_ms: 41,
    },
    ...{ rule: 'GET /repos/**', decision: 'allow', reason: null, ...more },
  };
}

function connection(more: Partial<OpenConnection>): OpenConnection {
  return {
    ...{
      decision_id: 'c',
      plugin: 'web',
      pid: 77,
      program: 'node',
      host: 'api.example.com',
      port: 443,
      dialed: '192.0.2.7',
    },
    ...{
      rule: 'api.example.com',
      door: 'trap',
      age_ms: 93_000,
      sent_bytes: 1_200,
      received_bytes: 53_000_000,
      rtt_ms: 12.34,
    },
    ...more,
  };
}

function plugin(more: Partial<PluginStatus>): PluginStatus {
  const plain = {
    pid: 77,
    status: null,
    for_ms: 93_000,
    starts: 1,
    last_end: null,
    starts_in_ms: null,
    waits_for: [],
  };
  return { name: 'web', state: 'running', ...plain, ...more };
}

function top(more: Partial<TopPlugin>): TopPlugin {
  const used = {
    connects: 0,
    denials: 0,
    sent_bytes: 0,
    received_bytes: 0,
    waiting: 0,
    memory_bytes: 53_000_000,
  };
  return {
    name: 'web',
    state: 'running',
    pid: 77,
    connections: 2,
    ...used,
    cpu_seconds: 1,
    measured: 'cgroup',
    ...more,
  };
}

function ask(more: Partial<ShownAsk>): ShownAsk {
  return {
    ...{
      id: '7',
      plugin: 'web',
      host: 'new.example.com',
      port: 443,
      address: null,
      door: 'trap',
      pid: 77,
      program: 'node',
    },
    ...{
      since: '2026-01-15T09:30:00.000Z',
      deadline: '2026-01-15T09:31:00.000Z',
      suggestion: 'new.example.com',
    },
    ...more,
  };
}
