// Calls functions of the application. What one throws is an error of the application: Node reports it as uncaught, and the code of postern that called
// goes on.

export function callApart(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
