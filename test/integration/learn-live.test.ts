// postern learn NAME: what a running plugin is refused becomes rules, and nothing is opened before they are put in force.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { PATIENCE } from '../harness/patience.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { type PublicNet, startPublicNet } from '../harness/public-net.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

/** Asks for a name, a public address, a private one and a socket that no rule allows, and for what one allows, again and again. Says when it has asked for all. */
const PROGRAM = `
import socket, time
def attempt(*place):
    try:
        with socket.create_connection(place) as made:
            made.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    except OSError:
        pass
while True:
    for place in (("other.example.com", 443), ("93.184.216.20", 8443), ("10.1.2.3", 443), ("api.example.com", 443)):
        attempt(*place)
    print("asked", flush=True)
    time.sleep(0.3)
`;

let net: PublicNet;
before(async () => {
  net = await startPublicNet(
    {
      'api.example.com A': ['93.184.216.10'],
      'api.example.com AAAA': [],
      'other.example.com A': ['93.184.216.11'],
      'other.example.com AAAA': [],
    },
    [443, 8443],
  );
});
after(() => net.close());

for (const user of anyUser) {
  test(`the rules of learn NAME open what the running plugin was refused, once they are in force and not before (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const configure = (more: object): void => {
      const command = ['/usr/bin/python3', '-c', PROGRAM];
      const plugins = {
        asker: { command, allow: ['api.example.com'], ...more },
        quiet: { command: ['sleep', '999'] },
      };
      writeFileSync(
        join(folder, 'postern.yaml'),
        JSON.stringify({ audit: '/dev/null', dns: [net.dns], plugins }),
      );
    };
    configure({});
    const path = join(folder, 'c.sock');
    const up = startPostern(['up', '--control', path], { as: user, cwd: folder, inside: net.within });
    t.after(() => up.child.kill('SIGKILL'));
    const { stdout: output } = up;
    const rounds = (): number => output().split('asked\n').length;
    await until(() => existsSync(path) || up.child.exitCode !== null || undefined);
    const ask = (...words: readonly string[]): Promise<PosternResult> =>
      postern([...words, '--control', path], { as: user, cwd: folder });
    const heard = (place: string): number => net.connections().filter((line) => line === place).length;
    const closed = ['443 93.184.216.11', '8443 93.184.216.20'];
    const before = closed.map(heard);
    await until(() => (heard('443 93.184.216.10') > 0 ? true : undefined));

    const json = await ask('learn', 'asker', '--seconds', String(6 * PATIENCE), '--json', '--allowed');
    assert.equal(json.status, 0, json.stderr);
    const learnt = JSON.parse(json.stdout) as Record<string, readonly unknown[]>;
    assert.deepEqual(learnt['allow'], ['api.example.com', 'other.example.com', '93.184.216.20:8443']);
    assert.deepEqual(learnt['assumed'], ['other.example.com']);
    assert.match(JSON.stringify(learnt['refused']), /10\.1\.2\.3/);
    assert.doesNotMatch(JSON.stringify(learnt['rules']), /10\.1\.2\.3/);

    // Until Ctrl-C, as a file.
    const running = startPostern(['learn', 'asker', '--output', 'rules.yaml', '--control', path], {
      as: user,
      cwd: folder,
    });
    t.after(() => running.child.kill('SIGKILL'));
    const { stderr: said } = running;
    await until(() => /learning what "asker" is refused, until Ctrl-C\n/.test(said()) || undefined);
    const begun = rounds();
    await until(() => rounds() > begun + 2 || undefined, 30_000);
    // The lines of the audit log that a second gathers.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    running.child.kill('SIGINT');
    const { status, stdout } = await running.result;
    assert.equal(status, 0, said());
    assert.deepEqual(stdout.split('\n').slice(0, 5), [
      'learnt 2 rules, as options and as a list for postern.yaml:',
      `--allow 'other.example.com' --allow '93.184.216.20:8443'`,
      'allow: ["other.example.com", "93.184.216.20:8443"]',
      'note: no connection came about with other.example.com, 93.184.216.20:8443',
      'written to "rules.yaml": name it in plugins.asker.presets',
    ]);
    assert.match(stdout, /^note: no rule is suggested for this: .*10\.1\.2\.3/m);
    assert.match(
      readFileSync(join(folder, 'rules.yaml'), 'utf8'),
      /^# What asker was refused, by postern learn\.\nallow:\n/,
    );
    assert.deepEqual(closed.map(heard), before, 'learning opens nothing');

    configure({ presets: ['./rules.yaml'] });
    const reloaded = await ask('reload');
    assert.match(reloaded.stdout, /^changed: asker\nasker: opens other\.example\.com:443 /, reloaded.stderr);
    await until(() => (closed.every((place, at) => heard(place) > (before[at] ?? 0)) ? true : undefined));

    const nothing = await ask('learn', 'quiet', '--seconds', '1');
    assert.equal(
      nothing.stdout,
      'learnt no rule: nothing was refused to "quiet" that a rule of learn opens\n',
    );
    const nobody = await ask('learn', 'nobody');
    assert.deepEqual([nobody.status, nobody.stdout], [1, '']);
    assert.match(nobody.stderr, /There is no plugin "nobody".*\n.*postern learn -- nobody\n$/);
    assert.equal((await ask('learn', 'asker', '--seconds', 'x')).status, 2);
  });
}
