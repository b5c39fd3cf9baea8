// The environment that postern was started in, of which a plugin gets parts. deploy/command.sh keeps some variables from Node under
// other names. They do not go back into process.env: spawn() takes NODE_V8_COVERAGE from there for every child.
const KEPT = 'POSTERN_OUTSIDE_';
const kept: Record<string, string | undefined> = {};

for (const [key, value] of Object.entries(process.env)) {
  if (!key.startsWith(`${KEPT}NODE_`)) continue;
  kept[key.slice(KEPT.length)] = value;
  delete process.env[key];
}

export function outsideEnvironment(): Readonly<Record<string, string | undefined>> {
  return { ...process.env, ...kept };
}
