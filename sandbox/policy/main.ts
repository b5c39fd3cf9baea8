// Fetches the policy of an organisation, once: prints one line of JSON (FetchAnswer), and ends. It runs in a sandbox of its own, as a plugin with egress
// `channel`: without a network, a capability or a file of the user. The broker connects it to the host of the URL, and to no other. It trusts the
// supervisor, which sends the settings. Everything that it reads from the socket is hostile, so a process parses it that can do nothing else. It follows no
// redirect, and takes no encoding that could expand. The supervisor ends it when its time is over.
import '../../shared/refuse-debugger.js';
import { fstatSync, readSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { connect } from '../plugin/index.js';
import { ETAG, type FetchAnswer, type FetchSettings, MOST_POLICY_BYTES } from './settings.js';

const CONNECT_TIMEOUT_MS = 30_000;
const HEADER_BYTES = 16_384;

fetchPolicy(takeSettings()).then(answer, (error: unknown) =>
  answer({ kind: 'failed', problem: error instanceof Error ? error.message : String(error) }),
);

/** A pipe takes it before the process ends. */
function answer(what: FetchAnswer): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  process.exit();
}

function takeSettings(): FetchSettings {
  const bytes = Buffer.alloc(fstatSync(0).size);
  readSync(0, bytes, 0, bytes.length, 0);
  return JSON.parse(bytes.toString());
}

async function fetchPolicy({ url, etag, roots }: FetchSettings): Promise<FetchAnswer> {
  const { protocol, hostname, host, port, pathname, search } = new URL(url);
  const isSecure = protocol === 'https:';
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  const place = { host: name, port: port === '' ? (isSecure ? 443 : 80) : Number(port) };
  const socket = await connect({ ...place, timeout: CONNECT_TIMEOUT_MS });
  const response = await requestOver(
    isSecure ? secured(socket, name, roots) : socket,
    `${pathname}${search}`,
    {
      host,
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'postern',
      ...(etag === undefined ? {} : { 'if-none-match': etag }),
    },
  );
  const { statusCode, headers } = response;
  if (statusCode === 304 && etag !== undefined) return { kind: 'same' };
  // protects: G24 policy: only an answer of status 200 is one => const isOne = true;
  const isOne = statusCode === 200;
  if (!isOne) return failed(`the server answered with status ${statusCode}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return failed('the answer is encoded');
  const body = await bodyOf(response);
  if (body === undefined) return failed(`it has more than ${MOST_POLICY_BYTES / 1024 / 1024} MiB`);
  const tag = headers.etag !== undefined && ETAG.test(headers.etag) ? headers.etag : undefined;
  return { kind: 'policy', etag: tag, body: body.toString('base64') };
}

function failed(problem: string): FetchAnswer {
  return { kind: 'failed', problem };
}

/** Its certificate is verified against the name, or the address. */
function secured(socket: Socket, host: string, ca: string | undefined): TLSSocket {
  return tlsConnect({
    socket,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
  });
}

function requestOver(
  socket: Socket,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ createConnection: () => socket, path, headers, maxHeaderSize: HEADER_BYTES })
      .once('response', resolve)
      .once('error', reject)
      .end();
  });
}

/** @returns undefined for more than a policy may have */
async function bodyOf(response: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // protects: G24 policy: a policy without an end is not read without end
    if (length > MOST_POLICY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
