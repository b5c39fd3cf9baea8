// Compares absolute paths as they are written: no link is followed.

/** Whether `path` lies at or below a folder. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** Moves a path from below `from` to below `to`. */
export function moved(path: string, from: string, to: string): string {
  const rest = path === from ? '' : path.slice(from === '/' ? 0 : from.length);
  return rest === '' ? to : `${to === '/' ? '' : to}${rest}`;
}
