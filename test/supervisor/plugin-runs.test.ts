import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cgroups } from '../../sandbox/supervisor/cgroup/cgroups.js';
import { PluginRuns } from '../../sandbox/supervisor/plugin-runs.js';
import { Records } from '../../sandbox/supervisor/record/records.js';
import { Sandbox } from '../../sandbox/supervisor/start/sandbox.js';
import { plainPlugin } from '../../shared/config/plugin-config.js';

const PLUGIN = plainPlugin('agent', ['true']);

/** A run that counts how often it is killed. */
class Counted extends Sandbox {
  kills = 0;

  override kill(): void {
    this.kills += 1;
  }
}

// proves: a plugin that is to end for good while it starts is ended
test('a plugin that is killed while it starts is killed once it runs, and its next run is not', async () => {
  const runs = new PluginRuns({
    records: new Records(),
    cgroups: new Cgroups(() => {}),
    onNotice: () => {},
  });
  const sandboxes = [new Counted(0, undefined, undefined), new Counted(0, undefined, undefined)] as const;
  let launched = (_: Sandbox): void => {};
  const launching = new Promise<Sandbox>((resolve) => {
    launched = resolve;
  });
  const starting = runs.start(PLUGIN, 'boot', () => launching);
  runs.kill('agent');
  launched(sandboxes[0]);
  await starting;
  await runs.start(PLUGIN, 'restart', async () => sandboxes[1]);
  assert.deepEqual(
    sandboxes.map(({ kills }) => kills),
    [1, 0],
  );
});
