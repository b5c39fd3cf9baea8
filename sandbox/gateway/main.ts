// The gateway of a plugin. It runs in a sandbox of its own, without a network, a capability or a file of the user, and holds the secrets of its plugin
// alone. It inherits listeners in the plugin's network namespace, and connects upstream by its channel: the broker decides each connection by the
// plugin's rules. It trusts the supervisor, which sends the settings. Everything that it reads from a socket is hostile.
//
// It prints a line when a request comes, and one line of JSON when it is over (HttpEvent), at SIGTERM for those too that are under way. If it dies, its connections end, and the supervisor starts another one with the same
// listeners.
import '../../shared/refuse-debugger.js';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { AWS_SECRETS, type AwsKeys } from '../../shared/config/gateway-keys.js';
import { readTemplate, secretsIn } from '../../shared/config/secret-template.js';
import { type HttpRule, readHttpRule } from '../../shared/policy/http-rules.js';
import { acceptConnection } from '../../shared/sys/datagram.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';
import { connect } from '../plugin/index.js';
import type { Pairs, Place } from './request-head.js';
import { fillTemplate, type Secrets } from './secrets.js';
import { HostServer, type HttpEvent, type Shared } from './serve-host.js';
import { BEGUN, FIRST_LISTENER_FD, type GatewaySettings, READY } from './settings.js';
import type { AwsSigning } from './sign-aws.js';

/** Of one listener, before others have their turn. */
const ACCEPTED_AT_ONCE = 16;
const ACCEPT_AGAIN_MS = 50;
const CONNECT_TIMEOUT_MS = 30_000;

serve(takeSettings());
say(READY);

function serve({ hosts, secrets, listeners }: GatewaySettings): void {
  const all = new Map(secrets);
  const shared: Shared = { connections: 0, requests: 0, answers: 0, heldBytes: 0, onBegun: () => say(BEGUN) };
  const servers: HostServer[] = [];
  for (const [index, { host, port, plainName }] of listeners.entries()) {
    const settings = hosts.find((one) => one.host === host);
    // A listener without a server: its clients would wait for good.
    if (settings === undefined) throw new Error(`No settings for ${host}`);
    const { leaf, mode, headers, placeholder, aws, masks, roots, client } = settings;
    const sent = new Set([
      ...secretNames(headers),
      ...(placeholder === undefined ? [] : [placeholder.secret]),
      /* protects: G23 gateway: what a signature is made with is masked */ ...AWS_SECRETS.flatMap(
        (key) => aws?.[key] ?? [],
      ),
    ]);
    const server = new HostServer(
      {
        ...{ host, leaf, mode, masks, roots, client, plainName },
        rules: { allow: settings.allow.map(ruleOf), deny: settings.deny.map(ruleOf) },
        set: headersOf(headers, all),
        placeholders: placeholder === undefined ? [] : [placeholder],
        sign: aws && signingOf(aws, all),
        // The host has got no other one to send back.
        secrets: new Map(secrets.filter(([name]) => sent.has(name))),
      },
      port,
      dial,
      print,
      shared,
    );
    servers.push(server);
    acceptFrom(FIRST_LISTENER_FD + index, (socket) => server.accept(socket));
  }
  // The program may end before its requests do.
  process.once('SIGTERM', () => {
    // protects: G23 gateway: at SIGTERM it says what was under way
    for (const server of servers) server.close();
    process.exit();
  });
}

/** The file goes from /proc with its descriptor. */
function takeSettings(): GatewaySettings {
  const bytes = Buffer.alloc(fstatSync(0).size);
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(0, bytes, at, bytes.length - at, at);
    if (read === 0) throw new Error('The settings are cut short');
    at += read;
  }
  closeSync(0);
  openSync('/dev/null', 'r');
  const settings: GatewaySettings = JSON.parse(bytes.toString());
  bytes.fill(0);
  return settings;
}

function ruleOf(text: string): HttpRule {
  const read = readHttpRule(text);
  if (!read.ok) throw new Error(`Not a rule: ${text}`);
  return read.rule;
}

/** The supervisor has every secret, or starts no gateway. */
function headersOf(headers: Readonly<Record<string, string>>, secrets: Secrets): Pairs {
  return Object.entries(headers).map(([name, text]) => {
    const read = readTemplate(text);
    const value = read.ok ? fillTemplate(read.parts, secrets) : undefined;
    if (value === undefined) throw new Error(`No value for the header ${name}`);
    return [name, value];
  });
}

function secretNames(headers: Readonly<Record<string, string>>): readonly string[] {
  return Object.values(headers).flatMap((text) => {
    const read = readTemplate(text);
    return read.ok ? secretsIn(read.parts) : [];
  });
}

function signingOf({ region, service, ...names }: AwsKeys, secrets: Secrets): AwsSigning {
  const secretNamed = (name: string): string => {
    const value = secrets.get(name);
    if (value === undefined) throw new Error(`No value for the secret ${name}`);
    return value;
  };
  return {
    ...{ region, service, accessKeyId: secretNamed(names.access_key_id) },
    secretAccessKey: secretNamed(names.secret_access_key),
    ...(names.session_token === undefined ? {} : { sessionToken: secretNamed(names.session_token) }),
  };
}

/** Node itself would call listen(2), which the filter refuses. */
function acceptFrom(listener: number, onSocket: (socket: Socket) => void): void {
  const watch = new Watch(listener, () => {
    for (let count = 0; count < ACCEPTED_AT_ONCE; count += 1) {
      const accepted = acceptConnection(listener);
      if (typeof accepted === 'number') {
        // If no descriptor is left (EMFILE), the connection stays in the backlog, and would be reported again at once.
        if (accepted !== -constants.errno.EAGAIN) {
          watch.want(0);
          setTimeout(() => watch.want(READABLE), ACCEPT_AGAIN_MS);
        }
        return;
      }
      onSocket(new Socket({ fd: accepted.release(), readable: true, writable: true }));
    }
  });
  watch.want(READABLE);
}

function dial({ host, port }: Place): Promise<Socket> {
  return connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
}

function print(event: HttpEvent): void {
  say(JSON.stringify(event));
}

/** A pipe takes it before this returns. */
function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
