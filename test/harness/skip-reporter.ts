// A reporter for node:test that writes one line for each skipped test, with its reason.
interface ReportedEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
  };
}

export default async function* skipReporter(source: AsyncIterable<ReportedEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const reason = data.skip ?? data.todo;
    if (reason !== undefined && reason !== false)
      yield `${data.name}: ${reason === true ? 'no reason given' : reason}\n`;
  }
}
