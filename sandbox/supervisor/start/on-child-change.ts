// Passes SIGCHLD to all parts that wait for a child to stop, with one listener in the process.
const callbacks = new Set<() => void>();

function callAll(): void {
  for (const callback of callbacks) callback();
}

/** Calls back when any child of this process has stopped, continued or ended. @returns a function that ends this */
export function onChildChange(callback: () => void): () => void {
  if (callbacks.size === 0) process.on('SIGCHLD', callAll);
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0) process.off('SIGCHLD', callAll);
  };
}
