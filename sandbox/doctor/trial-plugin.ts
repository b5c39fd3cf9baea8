// The plugin of `postern doctor`'s trial. It runs in the sandbox, and tries a connection that a rule allows, one that no rule
// allows, and the allowed one by Node's own connect(2). Arguments: the loopback address and the two ports.
// It prints two lines: `allowed: RESULT, refused: RESULT`, and the result of the third connection.
import '../../shared/refuse-debugger.js';
import { connect as connectItself, type Socket } from 'node:net';
import '../../shared/refuse-debugger.js';
import { connect } from '../plugin/index.js';

const TIMEOUT_MS = 5_000;
const [, , host = '', ...ports] = process.argv;
const [allowed = 0, forbidden = 0] = ports.map(Number);

async function reach(port: number, open: (port: number) => Socket | Promise<Socket>): Promise<string> {
  try {
    const socket = await open(port);
    const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    clearTimeout(timer);
    return text === '' ? 'connected' : text;
  } catch (error) {
    const { code, reason } = error as { code?: string; reason?: string };
    return [code ?? String(error), reason].filter((word) => word !== undefined).join(' ');
  }
}

const asking = (port: number): Promise<Socket> => connect({ host, port, timeout: TIMEOUT_MS });
const itself = (port: number): Socket => connectItself({ host, port });

console.log(`allowed: ${await reach(allowed, asking)}, refused: ${await reach(forbidden, asking)}`);
console.log(await reach(allowed, itself));
process.exit(0);
