// The HTTP listener for metrics of supervisor and broker, and for health: GET /metrics, GET /healthz.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from '../../../shared/config/parse-host-port.js';
import { PosternError } from '../../../shared/errors.js';
import {
  METRICS_ANSWER_MS,
  METRICS_CONNECTIONS,
  METRICS_PAUSE_MS,
  METRICS_REQUEST_MS,
} from '../../../shared/limits.js';

export interface MetricsPages {
  /** All metrics, in Prometheus' text format 0.0.4. */
  readonly metrics: () => Promise<string>;
  readonly healthy: () => boolean;
}

/** Node looks for requests that take too long at intervals only. */
const TIMES = {
  requestTimeout: METRICS_REQUEST_MS,
  headersTimeout: METRICS_REQUEST_MS,
  keepAliveTimeout: METRICS_REQUEST_MS,
  // protects: G8 metrics: a client without a request makes room => $&000
  connectionsCheckingInterval: 1_000,
};

/**
 * @param address as parseHostPort reads it; port 0 takes a free port
 * @throws PosternError `metrics_address` where it cannot listen there
 */
export async function serveMetrics(address: string, pages: MetricsPages): Promise<Server> {
  const where = parseHostPort(address);
  if (where === undefined) {
    throw new PosternError('metrics_address', `Not an address for metrics: "${address}"`, {
      fix: 'write HOST:PORT, for example 127.0.0.1:9464',
    });
  }
  const page = new SharedPage(pages.metrics);
  // Most runs serve none, and do not load it.
  const { createServer } = await import('node:http');
  const server = createServer(TIMES, (request, response) => {
    // A client that reads slowly would keep its page in memory.
    const timer = setTimeout(
      /* protects: G8 metrics: a client that reads slowly is disconnected => () => { } */ () =>
        request.socket.destroy(),
      METRICS_ANSWER_MS,
    );
    response.once('close', () => clearTimeout(timer));
    answer(request, response, pages, page).catch(() => response.destroy());
  });
  // protects: G8 metrics: connections are bounded
  server.maxConnections = METRICS_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const fix =
        cause.code === 'EADDRINUSE' ? 'another process listens there: choose another port' : undefined;
      reject(
        new PosternError('metrics_address', `Cannot serve metrics on "${address}": ${cause.code}`, {
          fix,
          cause,
        }),
      );
    });
    server.listen(where.port, where.host, resolve);
  });
  server.unref();
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: MetricsPages,
  page: SharedPage,
): Promise<void> {
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return finish(response, 405, 'method not allowed\n');
  if (path === '/metrics') {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    return finish(response, 200, await page.get());
  }
  if (path === '/healthz') {
    return pages.healthy() ? finish(response, 200, 'ok\n') : finish(response, 503, 'no broker answers\n');
  }
  return finish(response, 404, 'not found: /metrics and /healthz are here\n');
}

function finish(response: ServerResponse, status: number, body: string | Buffer): void {
  response.statusCode = status;
  response.end(body);
}

// The page of metrics, made once for all clients that wait for it: a crowd of clients costs as much as one.

export class SharedPage {
  readonly #make: () => Promise<string>;
  #page: Promise<Buffer> | undefined;
  /** As performance.now(): the next page is not begun before. */
  #from = 0;

  constructor(make: () => Promise<string>) {
    this.#make = make;
  }

  /** The page that is being made, or the next one. All who wait for it get the same memory. */
  get(): Promise<Buffer> {
    // protects: G8 metrics: a page is made once for all who wait => this.#page = undefined; $&
    this.#page ??= this.#begin().finally(() => {
      this.#page = undefined;
      this.#from = performance.now() + METRICS_PAUSE_MS;
    });
    return this.#page;
  }

  async #begin(): Promise<Buffer> {
    const pause = this.#from - performance.now();
    if (pause > 0) await sleep(pause);
    return Buffer.from(await this.#make());
  }
}

// The ports of postern's own metrics listener, which no plugin may reach. Pure.

/**
 * @param server undefined where metrics are not served
 * @param configured the address as the user wrote it: a wildcard stays one
 */
export function endpointPorts(
  server: Server | undefined,
  configured: string,
): { readonly address: string; readonly port: number }[] {
  const bound = server?.address();
  if (typeof bound !== 'object' || bound === null) return [];
  const host = parseHostPort(configured)?.host;
  const address = host === 'localhost' ? bound.address : (host ?? bound.address);
  return [{ address, port: bound.port }];
}
