// SIGCHLD for whoever waits for a child to stop, with one listener of the process's for all of them.
const callbacks = new Set<() => void>();

function callAll(): void {
  for (const callback of callbacks) callback();
}

/** Calls back whenever some child of this process has stopped, gone on or ended. @returns what ends that */
export function onChildChange(callback: () => void): () => void {
  if (callbacks.size === 0) process.on('SIGCHLD', callAll);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) process.off('SIGCHLD', callAll);
  };
}
