// The plugin of `postern doctor`'s trial: one connection that a rule allows, one that none does. Runs in the sandbox.
// Arguments: the two ports on 127.0.0.1. Prints one line: `allowed: WHAT, refused: WHAT`.
import '../../../shared/refuse-debugger.js';
import { connect } from '../../plugin/index.js';

const TIMEOUT_MS = 5_000;
const [allowed = 0, forbidden = 0] = process.argv.slice(2).map(Number);

async function reach(port: number): Promise<string> {
  try {
    const socket = await connect({ host: '127.0.0.1', port, timeout: TIMEOUT_MS });
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

console.log(`allowed: ${await reach(allowed)}, refused: ${await reach(forbidden)}`);
process.exit(0);
