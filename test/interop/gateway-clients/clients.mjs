// Clients in Node that talk to a server through a gateway: clients.mjs BASE. Prints a line for each: its name and what it got.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { buffer, json, text } from 'node:stream/consumers';
import { Agent, fetch as fetchByUndici, request as requestByUndici } from 'undici';
import { WebSocket as Ws } from 'ws';

const base = process.argv[2];
const body = Buffer.alloc(3_000_000, 'x');
const say = (name, headers, echoed) =>
  console.log(name, headers.authorization.startsWith('Bearer *'), body.equals(Buffer.from(echoed)));

async function fetchBoth(name, fetchWith, options) {
  const headers = await (await fetchWith(`${base}/headers`, options)).json();
  const echoed = await fetchWith(`${base}/echo`, { ...options, method: 'POST', body });
  say(name, headers, await echoed.arrayBuffer());
}
await fetchBoth('fetch', fetch, {});
await fetchBoth('undici fetch', fetchByUndici, { dispatcher: new Agent() });

for (const allowH2 of [false, true]) {
  const dispatcher = new Agent({ allowH2 });
  const headers = await (await requestByUndici(`${base}/headers`, { dispatcher })).body.json();
  const echoed = await requestByUndici(`${base}/echo`, { dispatcher, method: 'POST', body });
  say(`undici ${allowH2 ? 'h2' : 'h1'}`, headers, await echoed.body.arrayBuffer());
  await dispatcher.close();
}

/** By https: with `Expect: 100-continue`, in chunks. */
const head = request(`${base}/headers`).end();
const [headed] = await once(head, 'response');
const headers = await json(headed);
const post = request(`${base}/echo/trailers`, { method: 'POST', headers: { expect: '100-continue' } });
post.flushHeaders();
await once(post, 'continue');
post.end(body);
const [posted] = await once(post, 'response');
const echoed = await buffer(posted);
say('https', headers, echoed);
console.log('https trailers', posted.trailers['x-end']);

const session = connect(base);
const first = session.request({ ':path': '/headers' });
const second = session.request({ ':path': '/echo/trailers', ':method': 'POST' });
const trailers = once(second, 'trailers');
second.end(body);
say('http2', await json(first), await buffer(second));
console.log('http2 trailers', (await trailers)[0]['x-end']);
const many = await Promise.all(
  Array.from({ length: 50 }, () => text(session.request({ ':path': '/headers' }))),
);
console.log('http2 streams', new Set(many).size);
session.close();

const messages = ['hello', Buffer.alloc(1_000_000, 'x')];
const socket = new Ws(`${base.replace('https', 'wss')}/socket`);
await once(socket, 'open');
const heard = [];
for (const message of messages) {
  socket.send(message);
  const [data] = await once(socket, 'message');
  heard.push(data.equals(Buffer.from(message)));
}
socket.close();
await once(socket, 'close');
console.log('ws', ...heard);
if (globalThis.WebSocket !== undefined) {
  const own = new WebSocket(`${base.replace('https', 'wss')}/socket`);
  await once(own, 'open');
  own.send('hello');
  const [{ data }] = await once(own, 'message');
  own.close();
  console.log('WebSocket', data);
}
process.exit(0);
