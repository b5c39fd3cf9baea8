// The client is the test: it starts what mcp.json says, as clients do, and speaks JSON-RPC with a published MCP server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { until } from '../../harness/until.js';
import { asUser, chownTo, readableFolder } from '../../harness/users.js';
import { Page, testThatAllWasRun } from '../page.js';
import { specialWords } from '../registry.js';
import { runCommands, startCommands } from '../run-commands.js';

const page = new Page('docs/how-to/mcp-server.md');
const HOME = '/home/ada/.local/share/postern/everything';
const home = join(readableFolder(), 'everything');
const quote = (word: string): string => `'${word}'`;

interface Reply {
  readonly id: number;
  readonly result: {
    readonly serverInfo?: { readonly name: string };
    readonly isError?: boolean;
    readonly content?: readonly { readonly text: string }[];
  };
}

class Client {
  readonly stderr: () => string;
  readonly #replies: AsyncIterator<string>;
  readonly #child;
  #id = 0;

  constructor(t: TestContext, words: readonly string[]) {
    const { child } = startCommands(t, words.map(quote).join(' '), { cwd: '/', keepInput: true });
    this.#child = child;
    assert.ok(child.stdout !== null && child.stderr !== null);
    this.#replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    let said = '';
    child.stderr.on('data', (text: string) => {
      said += text;
    });
    this.stderr = () => said;
  }

  async ask(method: string, params: object): Promise<Reply['result']> {
    this.#id += 1;
    this.#child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params })}\n`);
    for (;;) {
      const { value, done } = await this.#replies.next();
      assert.ok(done !== true, this.stderr());
      const message = JSON.parse(value) as Reply;
      if (message.id === this.#id) return message.result;
    }
  }

  async begin(): Promise<void> {
    const { serverInfo } = await this.ask('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    });
    assert.equal(serverInfo?.name, 'mcp-servers/everything');
    this.#child.stdin?.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  }

  async sum(): Promise<string | undefined> {
    const { content } = await this.ask('tools/call', { name: 'get-sum', arguments: { a: 2, b: 3 } });
    return content?.[0]?.text;
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.stdin?.end();
    await ended;
  }
}

test('the command writes the entry that the page shows, and undo brings back what was there', async (t) => {
  const folder = readableFolder();
  const file = join(folder, 'mcp.json');
  const [program, words] = ['npx', ['--yes', '@modelcontextprotocol/server-everything']];
  const first = `{\n  // mine\n  "mcpServers": {"everything": {"command": "${program}", "args": ${JSON.stringify(words)}}}\n}\n`;
  writeFileSync(file, first);
  chownTo('user', folder);
  chownTo('user', file);
  const where = { cwd: folder, within: asUser('user') };
  const wrapped = await runCommands(t, page.commands('postern mcp wrap').text, where);
  assert.equal(wrapped.status, 0, wrapped.stderr);
  assert.match(wrapped.stdout, /^ {2}- npx --yes /m);
  const text = readFileSync(file, 'utf8');
  assert.match(text, /\/\/ mine/);
  const [made, shown] = [text.replace('// mine', ''), page.file('mcp.json')].map((json) => {
    const { mcpServers } = JSON.parse(json) as { mcpServers: Record<string, { args: readonly string[] }> };
    return mcpServers['everything']?.args;
  });
  assert.deepEqual(made, shown);
  const undo = 'postern mcp undo mcp.json';
  assert.ok(page.text.includes(undo));
  const undone = await runCommands(t, undo, where);
  assert.match(undone.stdout, /as it was before$/m);
  assert.equal(readFileSync(file, 'utf8'), first);
  symlinkSync('mcp.json', join(folder, 'link.json'));
  const link = await runCommands(t, 'postern mcp wrap link.json', where);
  assert.equal(link.status, 1);
  assert.match(link.stderr, /Cannot write "link\.json".*name the file itself/);
  const added = await runCommands(
    t,
    'postern mcp add files --allow api.example.com -- node y.js --deny z',
    where,
  );
  assert.match(added.stdout, / run --name files --allow api\.example\.com -- node y\.js --deny z$/m);
  assert.match(readFileSync(join(folder, '.mcp.json'), 'utf8'), /"files": \{/);
  assert.deepEqual(readdirSync(folder).sort(), ['.mcp.json', 'link.json', 'mcp.json']);
  assert.equal(readFileSync(file, 'utf8'), first);
});

test('a server with a gateway gets a worthless token in the variable for its key', async (t) => {
  const folder = readableFolder();
  const [file, gateway] = [join(folder, 'mcp.json'), join(folder, 'gateway.yaml')];
  const KEY = '/home/ada/.config/github-token';
  const kept = join(readableFolder(), 'token');
  const server = { command: 'printenv', args: ['GITHUB_PERSONAL_ACCESS_TOKEN'] };
  writeFileSync(file, JSON.stringify({ mcpServers: { github: server } }));
  writeFileSync(kept, 'ghp_never-in-the-server\n', { mode: 0o600 });
  const text = page.file('gateway.yaml');
  assert.ok(text.includes(KEY));
  writeFileSync(gateway, text.replace(KEY, kept));
  for (const path of [folder, file, gateway, kept]) chownTo('user', path);
  const options = '--server github --gateway gateway.yaml --allow api.github.com';
  assert.ok(page.text.includes(options));
  const where = { cwd: folder, within: asUser('user') };
  const wrapped = await runCommands(t, `postern mcp wrap mcp.json ${options}`, where);
  assert.equal(wrapped.status, 0, wrapped.stderr);
  const { mcpServers } = JSON.parse(readFileSync(file, 'utf8')) as {
    mcpServers: Record<string, { args: readonly string[] }>;
  };
  const words = ['postern', ...(mcpServers['github']?.args ?? []).map(quote)];
  const started = await runCommands(t, words.join(' '), where);
  assert.match(started.stdout, /^postern_[0-9a-f]+\n$/, started.stderr);
});

test('a client starts the server by mcp.json, and the server reaches nobody but the registry', async (t) => {
  const { mcpServers } = JSON.parse(page.file('mcp.json')) as {
    mcpServers: Record<string, { command: string; args: readonly string[] }>;
  };
  const { command = '', args = [] } = mcpServers['everything'] ?? {};
  assert.ok(args.includes(HOME));
  const words = args.flatMap((word) => (word === 'npm' ? [word, ...specialWords()] : [word]));
  const client = new Client(t, [command, ...words.map((word) => (word === HOME ? home : word))]);
  await client.begin();
  assert.match((await client.sum()) ?? '', /\b5\b/);
  const fetched = await client.ask('tools/call', {
    name: 'gzip-file-as-resource',
    arguments: { data: 'https://tracker.example.net/' },
  });
  assert.equal(fetched.isError, true);
  const line = /^postern: Cannot resolve "tracker\.example\.net": no rule allows it/m;
  await until(() => (line.test(client.stderr()) ? true : undefined));
  await client.end();
});

test('once it is in the kept home, the server starts without a rule', async (t) => {
  const args = JSON.parse(`[${page.below('## After the first start')}]`) as readonly string[];
  assert.ok(args.includes(HOME) && !args.includes('--allow'));
  const client = new Client(t, ['postern', ...args.map((word) => (word === HOME ? home : word))]);
  await client.begin();
  assert.match((await client.sum()) ?? '', /\b5\b/);
  await client.end();
});

testThatAllWasRun(page);
