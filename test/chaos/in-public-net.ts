// Runs a chaos run in a network in which public addresses answer, and tells it which of them were reached.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startPublicNet } from '../harness/public-net.js';

/** Names of the run's network, and where each leads. The last one leads to a private address. */
export const NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [`n${at}.example.com`, `93.184.216.${200 + at}`]),
  ),
  'private.example.com': '10.1.2.3',
};
/** On these, every public address answers. */
export const PORTS: readonly number[] = [443, 8443];

/**
 * @param program a module, which gets the words and `--dns ADDRESS:PORT`
 * @returns its exit status
 */
export async function inPublicNet(program: string, words: readonly string[]): Promise<number> {
  const zone = Object.entries(NAMES).flatMap(([name, address]) => [
    [`${name} A`, [address]],
    [`${name} AAAA`, []],
  ]);
  const net = await startPublicNet(Object.fromEntries(zone), PORTS);
  const [command = '', ...args] = [...net.within, process.execPath, program, ...words, '--dns', net.dns];
  const child = spawn(command, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  child.on('message', () => child.send(net.connections()));
  const [status] = (await once(child, 'close')) as [number | null];
  net.close();
  return status ?? 1;
}

/** @returns `PORT ADDRESS` of each connection to a public address. For the program itself */
export async function reached(): Promise<readonly string[]> {
  process.send?.('reached');
  const [connections] = (await once(process, 'message')) as [readonly string[]];
  return connections;
}
