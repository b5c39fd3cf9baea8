// The variables of postern's environment that hold secrets: `secrets: {x: {env: NAME}}`. postern keeps them for the next reload, and passes none of them to
// what it starts. Runs in the supervisor.

const withheld = new Set<string>();

/** From now on nothing gets them, also if a later configuration does not name them. */
export function withholdVariables(names: readonly string[]): void {
  for (const name of names) withheld.add(name);
}

/** @returns the variables that hold no secret */
export function withoutSecrets(
  variables: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  // protects: G23 gateway: a variable with a secret goes to nothing that postern starts => return variables;
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !withheld.has(name)));
}
