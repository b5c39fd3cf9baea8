// The paths that AF_UNIX sockets of this network namespace were bound to, unix(7). Pure.

/** @param table the text of /proc/net/unix; abstract names begin with `@` there */
export function boundPaths(table: string): readonly string[] {
  const paths: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    // Num RefCount Protocol Flags Type St Inode Path
    const path = /^\S+: \S+ \S+ \S+ \S+ \S+ +\d+ (\/.*)$/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  return paths;
}
