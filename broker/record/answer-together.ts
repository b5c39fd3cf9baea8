// Makes reports for the supervisor, one at a time, for all who ask. A question that comes meanwhile gets the next report. Runs in the broker.

/** @param report makes one, and answers the questions with these ids @returns what takes the id of a question */
export function answerTogether(report: (ids: readonly number[]) => Promise<void>): (id: number) => void {
  let asked: number[] = [];
  let works = false;
  const work = async (): Promise<void> => {
    works = true;
    while (asked.length > 0) {
      const ids = asked;
      asked = [];
      await report(ids);
    }
    works = false;
  };
  return (id) => {
    asked.push(id);
    if (!works) void work();
  };
}
