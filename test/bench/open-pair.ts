// The two clients that a benchmark compares: one connects directly, the other runs under postern.
import { fileURLToPath } from 'node:url';
import { bundlePath } from '../../shared/own-files.js';
import { Measured } from './measured.js';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const postern = [process.execPath, bundlePath('postern')];

export interface Egress {
  readonly name: 'channel' | 'transparent';
  readonly client: 'Node' | 'C';
}

/** A client under postern, the same client outside, and the server that both connect to. */
export interface Pair {
  readonly behind: Measured;
  readonly direct: Measured;
  end(): Promise<void>;
}

/**
 * @param programs folder of the compiled C programs
 * @param pin words before each command
 */
export async function openPair(egress: Egress, programs: string, pin: readonly string[]): Promise<Pair> {
  const inC = egress.client === 'C';
  const upstream = new Measured([
    ...pin,
    ...(inC ? [`${programs}/accepts`] : [process.execPath, path('upstream.js')]),
  ]);
  const port = await upstream.line();
  const client = inC ? [`${programs}/connects`, port] : [process.execPath, path('client.js'), port];
  const direct = new Measured([...pin, ...client]);
  const options = ['--name', 'bench', '--egress', egress.name, '--allow', `127.0.0.1:${port}`];
  const by = inC || egress.name === 'transparent' ? [] : ['channel'];
  const behind = new Measured([...pin, ...postern, 'run', ...options, '--', ...client, ...by]);
  return {
    behind,
    direct,
    end: async () => {
      await Promise.all([behind.end(), direct.end()]);
      upstream.kill();
    },
  };
}
