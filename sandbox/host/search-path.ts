// The folders in which a plugin's command is searched, as one text like PATH.

/** @param env the variables that the plugin's configuration names */
export function searchPath(env: Readonly<Record<string, string>>): string {
  return env['PATH'] ?? process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
}
