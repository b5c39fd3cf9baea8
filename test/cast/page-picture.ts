// The picture of the live page in the docs: what Chromium shows of a postern whose plugins talk, are refused, and fail.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startNameServer } from '../broker/name-server.js';
import { TOP } from '../docs/page.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { distFor } from '../harness/users.js';

const PICTURE = join(TOP, 'docs/page.png');
/** So long the plugins have been at it. */
const PLAYS_MS = 20_000;
const TALKS = `
import socket, sys, time
port = int(sys.argv[1])
while True:
    for name, at in [("api.example.com", port), ("registry.example.net", 443), ("api.example.com", port), ("192.0.2.7", 25)]:
        try:
            with socket.create_connection((name, at), 2) as it:
                it.sendall(b"x" * 40000)
                time.sleep(0.2)
        except OSError: pass
`;

/** @returns the path of the picture */
export async function drawPage(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'example-'));
  const upstream = await listen((socket) => socket.resume());
  const dns = await startNameServer({ 'api.example.com A': ['127.0.0.1'] });
  const [ui, path] = [await freePort(), join(folder, 'postern.yaml')];
  const allow = [`api.example.com:${upstream.port}`, `127.0.0.1:${upstream.port}`];
  const talks = ['/usr/bin/python3', '-c', TALKS, String(upstream.port)];
  const plugins = {
    agent: { command: talks, allow: [...allow, 'files.example.com'] },
    crawler: { command: talks, allow, deny: ['registry.example.net'] },
    import: { command: ['sh', '-c', 'exit 1'], restart: { policy: 'no' } },
  };
  writeFileSync(path, JSON.stringify({ ui: `127.0.0.1:${ui}`, dns: [dns.address], plugins }));
  const postern = startPostern(['up', '--config', path], {
    as: 'root',
    timeoutMs: 120_000,
    ownControl: true,
  });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium-headless-shell',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const link = await until(() => linkOf(path));
    const page = await browser.newPage({ viewport: { width: 1100, height: 300 }, deviceScaleFactor: 2 });
    await page.goto(link);
    await new Promise((resolve) => setTimeout(resolve, PLAYS_MS));
    await page.screenshot({ path: PICTURE });
    return PICTURE;
  } finally {
    await browser.close();
    postern.child.kill('SIGTERM');
    await postern.result;
    dns.close();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns undefined until the page is served */
function linkOf(path: string): string | undefined {
  try {
    const words = [join(distFor('root'), 'run/postern.js'), 'ui', '--config', path];
    return /http:\S+/.exec(execFileSync(process.execPath, words, { encoding: 'utf8' }))?.[0];
  } catch {
    return undefined;
  }
}
