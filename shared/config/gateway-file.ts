// Reads the file of `run --gateway`: `gateway` of one plugin and the `secrets` that it names, in the form that they have in postern.yaml. The rules for
// destinations, and what else the program gets, are options.

import { dirname, resolve } from 'node:path';
import { ConfigError } from './config-problem.js';
import { gatewayFileSchema } from './config-schema.js';
import { readConfigText } from './config-text.js';
import { explainIssues } from './explain-issue.js';
import { checkGateway, checkSecrets, pluginGateway } from './gateway-config.js';
import type { PlacedRules } from './placed-rules.js';
import { YamlSource } from './yaml-source.js';

export type FileGateway = ReturnType<typeof pluginGateway>;

/**
 * @param path relative to the working directory; the paths in the file are relative to the file's folder
 * @param rules of the plugin, which open the ports of each host
 * @throws ConfigError with every problem of the file
 */
export function loadGatewayFile(path: string, rules: PlacedRules): FileGateway {
  const folder = dirname(resolve(path));
  const absolute = (relative: string): string => resolve(folder, relative);
  const source = new YamlSource(path, readConfigText(path, 'name a file that holds secrets: and gateway:'));
  const parsed = gatewayFileSchema.safeParse(source.value);
  const problems = [
    ...(parsed.success ? [] : explainIssues(parsed.error.issues, gatewayFileSchema, source)),
    ...checkSecrets(source, folder),
    ...checkGateway(source, [], rules, absolute),
    ...(source.keysAt(['gateway'])?.length === 0
      ? [source.problem(['gateway'], 'it names no host', 'name one, as {api.example.com: {}}')]
      : []),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const { gateway, secrets = {} } = parsed.data;
  return pluginGateway(gateway, secrets, rules, absolute);
}
