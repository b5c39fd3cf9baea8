// Has a process of its own fetch the policy of an organisation, once (sandbox/policy/). The supervisor makes no connection and parses no answer of a server:
// the process is confined as a plugin with egress `channel`, and the broker connects it by the one rule that it has. Runs in the supervisor.
import { bundlePath } from '../../../shared/bundles.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import { type PluginConfig, plainPlugin } from '../../../shared/config/plugin-config.js';
import { type PolicyConfig, policyPlace } from '../../../shared/config/policy-config.js';
import { PosternError } from '../../../shared/errors.js';
import { nodeFlags } from '../../../shared/node-flags.js';
import {
  fields,
  NONE,
  orMissing,
  parsed,
  refined,
  type Shape,
  text,
  word,
} from '../../../shared/protocol/shape.js';
import { createSealedFile } from '../../../shared/sys/memory-file.js';
import { ownCodePaths } from '../../host/own-code-paths.js';
import { ETAG, type FetchAnswer, type FetchSettings, MOST_POLICY_BYTES } from '../../policy/settings.js';
import { systemRoots } from '../gateway/plugin-gateway.js';
import type { Sandbox } from '../start/sandbox.js';
import { captureStreams, type StandardStreams } from '../start/standard-streams.js';

/** From the start of the process to its end. */
const FETCH_MS = 30_000;
const MEMORY_MIB = 1024;
/** Of base64 with what is around it. */
const MOST_CHARACTERS = Math.ceil(MOST_POLICY_BYTES / 3) * 4 + 1024;
const MOST_PROBLEM = 500;
/** No name of a configuration has a dot. */
const NAME = 'policy.fetch';

/** What came of it. `unavailable`: nothing that could be a policy. */
export type Fetched =
  | { readonly kind: 'same' }
  | { readonly kind: 'policy'; readonly etag: string | undefined; readonly bytes: Buffer }
  | { readonly kind: 'unavailable'; readonly problem: string };

/** Starts a program of postern's own, confined as a plugin. */
export type StartOwn = (config: PluginConfig, streams: () => StandardStreams) => Promise<Sandbox>;

/** What the process is to the broker, which keeps it as long as this object. */
export function fetcherConfig({ url, addresses, via }: PolicyConfig): PluginConfig {
  const { host, port } = policyPlace(url) ?? { host: '', port: 0 };
  return {
    ...plainPlugin(NAME, [process.execPath, ...nodeFlags(), bundlePath('policy')]),
    visible: ownCodePaths(),
    egress: 'channel',
    // protects: G24 policy: who fetches it reaches its server alone => allow: ['0.0.0.0/0:1-65535', '*:1-65535', '@private:1-65535']
    allow: [host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, ...addresses],
    via,
    limits: limitsOf({ memory_mib: MEMORY_MIB }),
  };
}

/** @param etag of the policy in force @param fetchMs how long it may take. It never throws: a fetch that fails is an ordinary event */
export async function fetchPolicy(
  start: StartOwn,
  config: PluginConfig,
  url: string,
  etag: string | undefined,
  fetchMs: number = FETCH_MS,
): Promise<Fetched> {
  const said: string[] = [];
  let length = 0;
  let sandbox: Sandbox | undefined;
  let problem: string | undefined;
  const end = (why: string): void => {
    problem ??= why;
    sandbox?.kill();
  };
  let drained: StandardStreams['drained'] = async () => [];
  const streams = (): StandardStreams => {
    const captured = captureStreams((stream, line) => {
      if (stream === 'stderr') return undefined;
      length += line.length;
      // protects: G24 policy: who fetches it cannot fill the memory
      if (length > MOST_CHARACTERS) end('it says too much');
      else said.push(line);
      return undefined;
    });
    drained = captured.drained;
    const [nothing, ...outputs] = captured.descriptors;
    nothing?.close();
    const settings: FetchSettings = { url, etag, roots: systemRoots() || undefined };
    const input = createSealedFile('policy', Buffer.from(JSON.stringify(settings)));
    return { ...captured, descriptors: [input, ...outputs] };
  };
  // protects: G24 policy: a slow server is given up => const timer = setTimeout(() => {}, 0);
  const timer = setTimeout(() => end(`the server took more than ${fetchMs / 1000} s`), fetchMs);
  try {
    sandbox = await start(config, streams);
    if (problem !== undefined) sandbox.kill();
    await sandbox.ended;
    await drained();
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return { kind: 'unavailable', problem: error.message };
  } finally {
    clearTimeout(timer);
  }
  return problem === undefined ? readAnswer(said.join(''), etag) : { kind: 'unavailable', problem };
}

const etagShape: Shape<string> = refined(text(), (one) => (ETAG.test(one) ? one : NONE));
const ANSWER = fields({
  kind: word(['same', 'policy', 'failed'] satisfies FetchAnswer['kind'][]),
  etag: orMissing(etagShape),
  body: orMissing(text(MOST_CHARACTERS)),
  problem: orMissing(text(MOST_PROBLEM)),
});

/** The process may have been taken over. */
function readAnswer(line: string, sent: string | undefined): Fetched {
  const answer = parsed(line, ANSWER);
  if (answer === NONE) return { kind: 'unavailable', problem: 'the process that fetches it gave no answer' };
  const { kind, etag, body, problem = 'no reason is known' } = answer;
  if (kind === 'same' && sent !== undefined) return { kind };
  if (kind === 'policy' && body !== undefined) return { kind, etag, bytes: Buffer.from(body, 'base64') };
  return { kind: 'unavailable', problem };
}
