// Many plugins at once, with few descriptors.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

const PLUGINS = 24;
/** Enough for the plugins when they run, and too few for all starts at once. */
const ENOUGH = 600;
const TOO_FEW = 250;
const SHORTAGE =
  /^postern: p\d+: Cannot start "p\d+": postern may open no more than \d+ descriptors \(.*EMFILE.*\); raise the limit: "ulimit -n", or LimitNOFILE= of a systemd unit; starts again in [\d.]+ s$/;

/** Plugins that say `up`, and end well when `go` is called. */
function configured(): { readonly config: string; readonly go: () => void } {
  const folder = readableFolder();
  const shown = join(folder, 'shown');
  mkdirSync(shown, { mode: 0o755 });
  const config = join(folder, 'postern.yaml');
  const script = `echo up; until [ -e ${shown}/go ]; do sleep 0.2; done`;
  const plugins = Array.from(
    { length: PLUGINS },
    (_, index) => `  p${index}: {command: [sh, -c, "${script}"]}\n`,
  );
  const defaults = `{filesystem: {visible: [${shown}]}, restart: {delay_ms: 200, max_delay_ms: 1000}}`;
  writeFileSync(config, `defaults: ${defaults}\nplugins:\n${plugins.join('')}`);
  return { config, go: () => writeFileSync(join(shown, 'go'), '') };
}

for (const [turn, descriptors] of [ENOUGH, TOO_FEW].entries()) {
  for (const user of userInTurn(turn)) {
    test(`${PLUGINS} plugins all start with ${descriptors} descriptors (${user})`, async () => {
      const { config, go } = configured();
      const { child, result } = startPostern(['up', '--config', config], {
        as: user,
        shell: `ulimit -n ${descriptors}; exec "$@"`,
        timeoutMs: 120_000,
      });
      let ups = 0;
      let shortages = 0;
      child.stdout?.on('data', (text: string) => {
        ups += text.split('up\n').length - 1;
      });
      child.stderr?.on('data', (text: string) => {
        shortages += text.split('EMFILE').length - 1;
      });
      await until(() => ups === PLUGINS || (descriptors === TOO_FEW && shortages > 0) || undefined, 60_000);
      go();
      const { status, stdout, stderr } = await result;
      assert.equal(status, 0, stderr);
      assert.equal(stdout.match(/ \| up$/gm)?.length, PLUGINS);
      const short = stderr.split('\n').filter((line) => line.includes('EMFILE'));
      if (descriptors === ENOUGH) assert.deepEqual(short, []);
      else assert.ok(short.length > 0);
      for (const line of short) assert.match(line, SHORTAGE);
    });
  }
}
