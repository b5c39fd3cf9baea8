// Checks the order of starts: `after` must name existing plugins, and must not form a circle. Pure.

export type OrderProblem =
  | { readonly kind: 'unknown'; readonly plugin: string; readonly index: number; readonly name: string }
  | { readonly kind: 'circle'; readonly plugin: string; readonly circle: readonly string[] };

/** @param after by plugin, those that start before it */
export function findOrderProblems(after: ReadonlyMap<string, readonly string[]>): OrderProblem[] {
  const problems: OrderProblem[] = [];
  for (const [plugin, names] of after) {
    for (const [index, name] of names.entries()) {
      if (!after.has(name)) problems.push({ kind: 'unknown', plugin, index, name });
    }
  }
  const done = new Set<string>();
  const visit = (plugin: string, trail: readonly string[]): void => {
    const at = trail.indexOf(plugin);
    if (at >= 0) {
      problems.push({ kind: 'circle', plugin, circle: [...trail.slice(at), plugin] });
      return;
    }
    if (done.has(plugin)) return;
    for (const name of after.get(plugin) ?? []) visit(name, [...trail, plugin]);
    done.add(plugin);
  };
  for (const plugin of after.keys()) visit(plugin, []);
  return problems;
}
