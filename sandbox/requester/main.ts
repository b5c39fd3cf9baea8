// Makes HTTP requests to one server, for the supervisor: it reads each as a line of JSON, and prints the answer as lines of JSON (messages.ts). It runs in a
// sandbox of its own, as a plugin with egress `channel`: without a network, a capability or a file of the user. The broker connects it to the host of
// the URL, and to no other. It trusts the supervisor. Everything that it reads from the socket is hostile, so a process parses it that can do nothing
// else. It follows no redirect, and takes no encoding that could expand. The supervisor ends it when a request takes too long.
import '../../shared/refuse-debugger.js';
import { type Agent, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { asciiJson } from '../../shared/ascii-json.js';
import { LineReader } from '../../shared/line-reader.js';
import { ChannelAgent } from '../outgoing/channel-agent.js';
import { openTls } from '../outgoing/open-tls.js';
import { connect } from '../plugin/index.js';
import {
  ANSWER_HEADERS,
  type AnswerLine,
  PART_BYTES,
  type RequesterSettings,
  type ServerRequest,
} from './messages.js';

const CONNECT_TIMEOUT_MS = 30_000;
const HEADER_BYTES = 16_384;

/** Undefined before the first line. */
let server: { readonly host: string; readonly agent: Agent } | undefined;
const lines = new LineReader((line) => {
  if (server === undefined) server = serverOf(JSON.parse(line));
  else void answer(JSON.parse(line), server);
}, Number.POSITIVE_INFINITY);
process.stdin.on('data', (bytes: Buffer) => lines.push(bytes)).on('end', () => process.exit());

function serverOf({ url, roots }: RequesterSettings): NonNullable<typeof server> {
  const { protocol, hostname, host, port } = new URL(url);
  const isSecure = protocol === 'https:';
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  const place = { host: name, port: port === '' ? (isSecure ? 443 : 80) : Number(port) };
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(roots !== undefined && { ca: roots }),
  });
  const open = async (): Promise<Socket> => {
    const socket = await connect({ ...place, timeout: CONNECT_TIMEOUT_MS });
    return isSecure ? openTls(socket, name, context, ['http/1.1']) : socket;
  };
  return { host, agent: new ChannelAgent(open, 1) };
}

async function answer(asked: ServerRequest, { host, agent }: NonNullable<typeof server>): Promise<void> {
  try {
    const { statusCode = 0, headers, body } = await exchange(asked, host, agent);
    for (let at = 0; at < body.length; at += PART_BYTES)
      say({ part: body.subarray(at, at + PART_BYTES).toString('base64') });
    const told = ANSWER_HEADERS.flatMap((name) =>
      headers[name] === undefined ? [] : [[name, headers[name]]],
    );
    say({ status: statusCode, headers: Object.fromEntries(told) });
  } catch (error) {
    say({ problem: error instanceof Error ? error.message : String(error) });
    // A channel to the broker that has ended does not come back. The next request has another process.
    if (error instanceof Error && 'code' in error && error.code === 'EPIPE') process.exit();
  }
}

/** A pipe takes it before this returns. */
function say(line: AnswerLine): void {
  process.stdout.write(`${asciiJson(line)}\n`);
}

type Answered = Pick<IncomingMessage, 'statusCode' | 'headers'> & { readonly body: Buffer };

async function exchange(asked: ServerRequest, host: string, agent: Agent): Promise<Answered> {
  for (;;) {
    const sent = request({
      ...{ agent, method: asked.method, path: asked.path, maxHeaderSize: HEADER_BYTES },
      headers: {
        ...asked.headers,
        ...{ host, accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'postern' },
      },
    });
    sent.end(asked.body);
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) =>
        sent.once('response', resolve).once('error', reject),
      );
      // One that comes later is that of the body.
      sent.on('error', () => {});
      return {
        statusCode: response.statusCode,
        headers: response.headers,
        body: await bodyOf(response, asked),
      };
    } catch (error) {
      // The server has closed a connection that waited for the next request.
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (!sent.reusedSocket || code !== 'ECONNRESET') throw error;
    }
  }
}

async function bodyOf(response: IncomingMessage, { mostBytes }: ServerRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // protects: G24 requests: an answer without an end is not read without end
    if (length > mostBytes) throw new Error(`the answer has more than ${mostBytes / 1024} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
