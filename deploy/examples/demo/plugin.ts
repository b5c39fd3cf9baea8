// The plugin of the demo. It runs in the sandbox, where the channel is the only way out.
import { get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'postern/plugin';

/** A pause between the steps, so that a reader can follow. */
const STEP_MS = 300;
const [http = 0, lines = 0, forbidden = 0] = process.argv.slice(2).map(Number);

const page = await fetchPage(http, '/greeting');
console.log(`HTTP from 127.0.0.1:${http}: ${page.trim()}`);
await pause(STEP_MS);

const socket = await connect({ host: '127.0.0.1', port: lines });
let conversation = '';
socket.setEncoding('utf8').on('data', (text: string) => {
  if (conversation === '') socket.write('good day\n');
  conversation += text;
});
await new Promise((resolve) => socket.once('close', resolve));
console.log(`TCP from 127.0.0.1:${lines}: ${conversation.trim().replaceAll('\n', ' / ')}`);
await pause(STEP_MS);

for (const target of [
  { host: '127.0.0.1', port: forbidden },
  { host: 'tracker.example.com', port: 443 },
  { host: '169.254.169.254', port: 80 },
]) {
  await connect(target).then(
    (open) => {
      open.destroy();
      console.log(`REACHED ${target.host}:${target.port}, which no rule allows`);
      process.exitCode = 1;
    },
    (error: { code: string; reason: string; suggestion?: string }) => {
      const fix = error.suggestion === undefined ? '' : `; a rule that would allow it: ${error.suggestion}`;
      console.log(`refused ${target.host}:${target.port}: ${error.code}, ${error.reason}${fix}`);
    },
  );
  await pause(STEP_MS);
}

/** Fetches a page by Node's HTTP client over a socket from the broker. */
async function fetchPage(port: number, path: string): Promise<string> {
  const socket = await connect({ host: '127.0.0.1', port });
  return new Promise((resolve, reject) => {
    const request = get({ path, createConnection: () => socket }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
}
