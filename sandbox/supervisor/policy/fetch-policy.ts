// Has the policy of an organisation fetched, once, by a process of postern's own (requester/). Runs in the supervisor.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { PolicyConfig } from '../../../shared/config/policy-config.js';
import { serverPlace } from '../../../shared/config/server-place.js';
import { systemRoots } from '../gateway/plugin-gateway.js';
import { Requester, requesterConfig, type StartOwn } from '../requester/requester.js';

/** From the start of the process to its end. */
const FETCH_MS = 30_000;
const MOST_POLICY_BYTES = 1024 * 1024;
/** As RFC 9110 section 8.8.3 has it, and not longer than a header should be. */
const ETAG = /^(?:W\/)?"[!#-~]{0,256}"$/;

/** What came of it. `unavailable`: nothing that could be a policy. */
export type Fetched =
  | { readonly kind: 'same' }
  | { readonly kind: 'policy'; readonly etag: string | undefined; readonly bytes: Buffer }
  | { readonly kind: 'unavailable'; readonly problem: string };

export function fetcherConfig({ url, addresses, via }: PolicyConfig): PluginConfig {
  return requesterConfig('policy.fetch', serverPlace(url) ?? { host: '', port: 0 }, addresses, via);
}

/** @param etag of the policy in force. It never throws: a fetch that fails is an ordinary event */
export async function fetchPolicy(
  start: StartOwn,
  config: PluginConfig,
  url: string,
  etag: string | undefined,
): Promise<Fetched> {
  const requester = new Requester(start, config, { url, roots: systemRoots() || undefined });
  const { pathname, search } = new URL(url);
  const answer = await requester.send(
    {
      ...{ method: 'GET', path: `${pathname}${search}`, mostBytes: MOST_POLICY_BYTES },
      headers: etag === undefined ? {} : { 'if-none-match': etag },
    },
    FETCH_MS,
  );
  await requester.close();
  const unavailable = (problem: string): Fetched => ({ kind: 'unavailable', problem });
  if (answer.kind === 'none') return unavailable(answer.problem);
  const { status, headers, body } = answer;
  if (status === 304 && etag !== undefined) return { kind: 'same' };
  // protects: G24 policy: only an answer of status 200 is one => const isOne = true;
  const isOne = status === 200;
  if (!isOne) return unavailable(`the server answered with status ${status}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') return unavailable('the answer is encoded');
  const tag = headers.etag !== undefined && ETAG.test(headers.etag) ? headers.etag : undefined;
  return { kind: 'policy', etag: tag, bytes: body };
}
