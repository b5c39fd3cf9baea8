// `export` of postern.yaml: the collector that gets audit events and metrics by OTLP, and what it is asked with.
import { parseAddress } from '../policy/address.js';
import { parseRule } from '../policy/parse-rule.js';
import { yamlText } from '../printable.js';
import { statOf } from '../read-file.js';
import type { ConfigProblem } from './config-problem.js';
import { serverPlace } from './server-place.js';
import type { ViaConfig } from './via-config.js';
import type { YamlSource } from './yaml-source.js';

/** What is exported: audit events, and metrics. */
export const EXPORT_SIGNALS = ['logs', 'metrics'] as const;
export type ExportSignal = (typeof EXPORT_SIGNALS)[number];
export const DEFAULT_EXPORT_S = 10;

export interface ExportConfig {
  /** `/v1/logs` and `/v1/metrics` come behind its path. */
  readonly otlp: string;
  /** An absolute path; see read-headers.ts. */
  readonly headersFile: string | undefined;
  /** The absolute path of certificates in PEM. */
  readonly ca: string | undefined;
  readonly signals: readonly ExportSignal[];
  readonly intervalMs: number;
  /** Rules for special addresses that the host of the URL may have. */
  readonly addresses: readonly string[];
  /** The way to it: that of `defaults`. */
  readonly via: ViaConfig | undefined;
}

const ADDRESSES: readonly string[] = ['prefix', 'class'];

/** Checks what the schema cannot express. */
export function checkExport(source: YamlSource, absolute: (path: string) => string): ConfigProblem[] {
  const hasHeaders = source.valueAt(['export', 'headers_file']) !== undefined;
  return [
    ...source.textsAt(['export', 'otlp']).flatMap(({ key, text }) => {
      const place = serverPlace(text);
      if (place === undefined || new URL(text).search !== '')
        return [
          source.problem(
            key,
            'not a URL of a collector: http or https, a host, no user, no password, no query and no fragment',
            'write https://otel.example.com:4318',
          ),
        ];
      const isClear = new URL(text).protocol === 'http:' && !isLoopback(place.host);
      // protects: G25 export: headers are not sent in the clear
      if (hasHeaders && isClear)
        return [
          source.problem(key, 'the headers of headers_file would go out in the clear', 'write https://'),
        ];
      return [];
    }),
    ...[['headers_file'], ['ca']]
      .flatMap((last) => source.textsAt(['export', ...last]))
      .filter(({ text }) => text !== '' && statOf(absolute(text))?.isFile() !== true)
      .map(({ key, text }) =>
        source.problem(key, `${yamlText(absolute(text))} is no file`, 'paths are relative to the file'),
      ),
    ...source
      .textsAt(['export', 'addresses'])
      .filter(({ text }) => !ADDRESSES.includes(parseRule(text, 'allow')?.target.kind ?? ''))
      .map(({ key, text }) =>
        source.problem(key, `"${text}" is no address`, 'write 10.1.2.3:4318 or @private'),
      ),
  ];
}

/** A name may be looked up elsewhere. */
function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return false;
  return address.family === 4 ? address.bytes[0] === 127 : address.text === '::1';
}
