// The signed policy of `up`: its key and the last good one are read before anything starts, and a keeper looks for newer ones while plugins run.
import type { KeyObject } from 'node:crypto';
import { ConfigError } from '../../shared/config/config-problem.js';
import { type PolicyConfig, readPolicyKey, type SignedPolicy } from '../../shared/config/policy-config.js';
import { fetcherConfig, fetchPolicy } from '../supervisor/policy/fetch-policy.js';
import { KeptPolicy } from '../supervisor/policy/kept-policy.js';
import { PolicyKeeper } from '../supervisor/policy/policy-keeper.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import type { ConfigInForce } from './config-in-force.js';
import { say, warn } from './say.js';

/** What is known of the signed policy before anything starts. */
export interface OpenedPolicy {
  readonly source: PolicyConfig;
  readonly key: KeyObject;
  readonly place: KeptPolicy;
  /** The last good one. */
  readonly kept: SignedPolicy | undefined;
}

/** @param path of the configuration @throws PosternError `policy_not_kept`, `bad_config` */
export function openPolicy(source: PolicyConfig | undefined, path: string): OpenedPolicy | undefined {
  if (source === undefined) return undefined;
  const key = readPolicyKey(source.publicKey);
  if (typeof key === 'string') throw new ConfigError([{ file: source.publicKey, key: '', message: key }]);
  const place = new KeptPolicy(path);
  const kept = place.read(key);
  if (typeof kept === 'string') say(`the signed policy in "${place.path}" is not used: ${kept}`, 'warning');
  return { source, key, place, kept: typeof kept === 'string' ? undefined : kept };
}

/** @param parts asked once the plugins of the configuration can be changed */
export function keepPolicy(
  { source, key, place, kept }: OpenedPolicy,
  parts: () => { readonly supervisor: Supervisor; readonly inForce: ConfigInForce },
): PolicyKeeper {
  const fetcher = fetcherConfig(source);
  return new PolicyKeeper(kept, {
    ...{ key, kept: place, pollMs: source.pollMs },
    fetch: (etag) =>
      fetchPolicy((...start) => parts().supervisor.startOwn(...start), fetcher, source.url, etag),
    putInForce: (policy) => parts().inForce.takePolicy(policy),
    onNews: (news) => {
      parts().supervisor.policyLooked(news);
      const { result, serial, message, isNews } = news;
      if (!isNews) return;
      const isGood = result === 'new' || result === 'same';
      const stays = serial === null ? 'there is none yet' : `serial ${serial} stays in force`;
      if (isGood) say(`signed policy: ${message}`);
      else warn(`signed policy: ${message} (${result}); ${stays}`);
    },
  });
}
