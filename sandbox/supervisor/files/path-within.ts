// Whether one absolute path lies at or below another. Paths as written: no link is followed.

/** True for the folder itself. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** The path that lies below `to` as `path` lies below `from`. */
export function moved(path: string, from: string, to: string): string {
  const rest = from === '/' ? path : path.slice(from.length);
  return rest === '' ? to : `${to === '/' ? '' : to}${rest}`;
}
