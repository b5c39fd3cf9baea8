// Makes reports for the supervisor, one at a time, for all who ask. A query that comes meanwhile gets the next report. Runs in the broker.

/**
 * @param report makes one, and answers the queries with these ids
 * @returns what takes the id of a query. It resolves when all queries have their answers
 */
export function answerTogether(
  report: (ids: readonly number[]) => Promise<void>,
): (id: number) => Promise<void> {
  let asked: number[] = [];
  let works: Promise<void> | undefined;
  const work = async (): Promise<void> => {
    while (asked.length > 0) {
      const ids = asked;
      asked = [];
      await report(ids);
    }
    works = undefined;
  };
  return (id) => {
    asked.push(id);
    works ??= work();
    return works;
  };
}
