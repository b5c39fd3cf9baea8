// The test of every library: the library reaches its server and is refused elsewhere. It does so unchanged, by
// postern/plugin/register, and by its factory if there is one. Then the users take turns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { users } from '../harness/users.js';
import { Project } from './project.js';

const WAYS = ['its factory', 'register'] as const;

export interface LibraryTest {
  /** The package. */
  readonly name: string;
  /** The program's imports beside the library, where it uses the factory. */
  readonly imports?: string;
  /** The options that it passes to the library; a JavaScript expression of an object. Missing: it has no factory. */
  readonly factory?: string;
  /**
   * The program's body. `host`, `port`, `denied` (a port that no rule allows), `ca` (path of the authority) and `factory` are
   * there, and say() prints a JSON value, refused() what an error tells of a refusal.
   */
  readonly body: string;
  /** The output of the body before the refusal. */
  readonly expected: readonly unknown[];
  readonly port: () => number;
  /** More ports that the body may reach, by their names in it. */
  readonly ports?: () => Readonly<Record<string, number>>;
  /** The authority that signed the server's certificate. */
  readonly authority?: string;
  /** The code of every socket error of the library. */
  readonly ownCode?: string;
}

const PRELUDE = `
const say = (value) => console.log(JSON.stringify(value));
const refused = (error) => {
  const { code, reason, suggestion } = error;
  say({ code, reason, suggestion });
};
`;

export function testLibrary(library: LibraryTest): void {
  const { name, imports = '', factory, expected, authority, ownCode = 'EACCES' } = library;
  let project: Project | undefined;
  for (const user of users) {
    const ways =
      factory === undefined ? [WAYS[1]] : WAYS.filter((_, turn) => userInTurn(turn).includes(user));
    for (const way of ways) {
      test(`${name} goes through the channel by ${way}, as ${user}`, async (t) => {
        project ??= new Project(name);
        const closed = await listen();
        t.after(closed.close);
        const port = library.port();
        const ports = library.ports?.() ?? {};
        const values = { host: 'localhost', port, ...ports, denied: closed.port, ca: authority ?? '' };
        const byFactory = way === 'its factory';
        const open = [port, ...Object.values(ports)].join(',');
        const lines = await project.lines({
          as: user,
          source: [
            byFactory ? imports : '',
            PRELUDE,
            `const { ${Object.keys(values).join(', ')} } = ${JSON.stringify(values)};`,
            `const factory = ${byFactory ? factory : '{}'};`,
            library.body,
          ].join('\n'),
          allow: [`localhost:${open}`, `127.0.0.1:${open}`],
          node: byFactory ? [] : ['--import', 'postern/plugin/register'],
          ...(authority === undefined ? {} : { visible: [authority] }),
        });
        assert.deepEqual(lines, [
          ...expected,
          {
            code: byFactory ? 'EACCES' : ownCode,
            reason: 'port_not_allowed',
            suggestion: `localhost:${closed.port}`,
          },
        ]);
        assert.equal(await closed.allConnections(), 0);
      });
    }
  }
}
