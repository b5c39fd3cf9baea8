// The environment of postern's start, of which a plugin gets parts. deploy/command.sh renames some variables to keep them from
// Node. They do not go back into process.env: spawn() would give NODE_V8_COVERAGE to every child.
const KEPT = 'POSTERN_OUTSIDE_';
const kept: Record<string, string | undefined> = {};

for (const [key, value] of Object.entries(process.env)) {
  if (!key.startsWith(KEPT)) continue;
  kept[key.slice(KEPT.length)] = value;
  delete process.env[key];
}

export function outsideEnvironment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env, ...kept };
}
