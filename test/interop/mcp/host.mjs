// A host of MCP servers, as an agent is one: host.mjs COMMAND. Starts a server, calls two tools, and prints what came, as a line of JSON each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const [command, ...words] = process.argv.slice(2);
const server = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
const replies = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
const send = (message) => server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
let id = 0;
async function ask(method, params) {
  id += 1;
  send({ id, method, params });
  for (;;) {
    const { value, done } = await replies.next();
    if (done) throw new Error('The server has ended');
    const reply = JSON.parse(value);
    if (reply.id === id) return reply;
  }
}
const call = (name, more) =>
  ask('tools/call', { name, arguments: { owner: 'example', repo: 'site', ...more } });

await ask('initialize', {
  protocolVersion: '2024-11-05',
  capabilities: {},
  clientInfo: { name: 'host', version: '1' },
});
send({ method: 'notifications/initialized' });
const { tools } = (await ask('tools/list', {})).result;
console.log(JSON.stringify(tools.some(({ name }) => name === 'create_issue')));
console.log(JSON.stringify((await call('list_commits')).result.content[0].text));
console.log(JSON.stringify((await call('create_issue', { title: 'never' })).error.message));
const ended = once(server, 'exit');
server.stdin.end();
server.kill();
await ended;
