// What is configured for one plugin, whether by `run`'s options or a file: defaults filled in, paths absolute.

export interface PluginConfig {
  /** [a-z0-9][a-z0-9_-]{0,62} */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly mode: 'enforce' | 'audit';
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly limits: {
    readonly concurrentRequests: number;
    readonly queuedRequests: number;
    readonly requestsPerSecond: number;
    readonly descriptors: number;
  };
}

export const PLUGIN_NAME: RegExp = /^[a-z0-9][a-z0-9_-]{0,62}$/;
