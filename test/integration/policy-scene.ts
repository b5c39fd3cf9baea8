// A server with a signed policy, and an `up` that takes it: a scene of several tests.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

/** Connects again and again to each port, and says each time what came of it. */
const TRIES = `
import socket, sys, time
print("began", flush=True)
while True:
    for port in sys.argv[1:]:
        try:
            socket.create_connection(("127.0.0.1", int(port))).close()
            print(port, "connected", flush=True)
        except OSError as error:
            print(port, "refused", error.errno, flush=True)
    time.sleep(0.02)
`;

const KEYS: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } =
  generateKeyPairSync('ed25519');

/** A policy as its signer publishes it. */
export function signed(text: string, key: KeyObject = KEYS.privateKey): string {
  return `# postern-policy ed25519 ${sign(null, Buffer.from(text), key).toString('base64')}\n${text}`;
}

export interface PolicyServer {
  readonly port: number;
  /** What it does from now on. */
  serve: (request: IncomingMessage, response: ServerResponse) => void;
  /** If-None-Match of each request so far. */
  readonly asked: () => readonly (string | undefined)[];
  readonly close: () => void;
}

export async function policyServer(t: TestContext): Promise<PolicyServer> {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers['if-none-match']);
    own.serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  t.after(close);
  const own: PolicyServer = {
    port: (server.address() as AddressInfo).port,
    serve: (_request, response) => void response.writeHead(404).end(),
    asked: () => asked,
    close,
  };
  return own;
}

/** Serves one text, with an ETag, to those who do not have it. */
export function serves(text: string, etag: string): PolicyServer['serve'] {
  return ({ headers }, response) => {
    if (headers['if-none-match'] === etag) response.writeHead(304).end();
    else response.writeHead(200, { etag }).end(text);
  };
}

export interface PolicyScene {
  readonly folder: string;
  /** The folder of what `up` keeps. */
  readonly state: string;
  readonly start: () => PolicyUp;
  /** The port of its metrics. */
  readonly metrics: number;
  /** Puts another configuration in the place of the file. @param plugin more of its keys @param top more keys of the file */
  readonly write: (allow: readonly string[], plugin?: object, top?: object) => void;
}

export interface PolicyUp extends RunningPostern {
  readonly status: () => Promise<Status | null>;
  readonly metric: (name: string) => Promise<string | undefined>;
  /** Waits until the words come again. */
  readonly next: (words: string) => Promise<void>;
  readonly stop: () => Promise<number | null>;
}

interface Status {
  readonly serial: number | null;
  readonly problem: string | null;
  readonly beyond: readonly { readonly what: string; readonly example: string }[];
}

/** @param server of the policy @param ports to which the plugin connects */
export async function policyScene(
  t: TestContext,
  as: User,
  server: PolicyServer,
  ports: readonly number[],
): Promise<PolicyScene> {
  const [folder, state] = [readableFolder(), readableFolder()];
  const metrics = await freePort();
  writeFileSync(join(folder, 'policy.pem'), KEYS.publicKey.export({ type: 'spki', format: 'pem' }));
  const write: PolicyScene['write'] = (allow, plugin = {}, top = {}) => {
    const url = `http://127.0.0.1:${server.port}/postern.yaml`;
    const config = {
      ...{
        metrics: `127.0.0.1:${metrics}`,
        audit: 'stdout',
        policy: { url, poll_s: 1, public_key: 'policy.pem' },
        ...top,
      },
      plugins: {
        tries: { command: ['/usr/bin/python3', '-c', TRIES, ...ports.map(String)], allow, ...plugin },
      },
    };
    writeFileSync(join(folder, 'next.yaml'), JSON.stringify(config));
    renameSync(join(folder, 'next.yaml'), join(folder, 'postern.yaml'));
  };
  for (const path of [folder, state]) chownTo(as, path);
  const control = join(folder, 'control.sock');
  const env = {
    PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: '/nonexistent',
    STATE_DIRECTORY: join(state, 'postern'),
  };
  mkdirSync(env.STATE_DIRECTORY);
  chownTo(as, env.STATE_DIRECTORY);
  return {
    folder,
    state,
    metrics,
    write,
    start: () => {
      const running = startPostern(['up', '--control', control], {
        as,
        cwd: folder,
        env,
        timeoutMs: 120_000,
      });
      t.after(() => running.child.kill('SIGKILL'));
      const { said, child, result } = running;
      const count = (words: string): number => said().split(words).length - 1;
      return {
        ...running,
        status: async () => {
          if (!existsSync(control)) return null;
          const { stdout } = await postern(['status', '--json', '--control', control], { as });
          return stdout === '' ? null : (JSON.parse(stdout).policy ?? null);
        },
        metric: async (name) => {
          const page = await fetch(`http://127.0.0.1:${metrics}/metrics`).then(
            (answer) => answer.text(),
            () => '',
          );
          return page
            .split('\n')
            .find((line) => line.startsWith(`${name} `))
            ?.slice(name.length + 1);
        },
        next: async (words) => {
          const known = count(words);
          await until(() => {
            if (child.exitCode !== null) throw new Error(said());
            return count(words) > known || undefined;
          }, 30_000).catch(() => {
            throw new Error(`Nothing says "${words}" in: ${running.stderr()}`);
          });
        },
        stop: async () => {
          child.kill('SIGTERM');
          return (await result).status;
        },
      };
    },
  };
}
