import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelKeeper } from '../../../sandbox/supervisor/broker/kept.js';
import { CHANNELS_PER_PLUGIN } from '../../../shared/limits.js';

// proves: former runs leave no more channels than a plugin may have
test('a plugin does not start while others hold too many channels of its former runs', () => {
  const keeper = new ChannelKeeper();
  const begin = (plugin: string): void => {
    const { request, reply } = keeper.openFirst(plugin).ends;
    request.close();
    reply.close();
    keeper.endRun(plugin);
  };
  for (let run = 0; run < CHANNELS_PER_PLUGIN; run += 1) begin('one');
  assert.throws(() => begin('one'), {
    code: 'launch_failed',
    message: /Cannot start "one": others hold 64 channels of its former runs/,
  });
  begin('other');
  const [first] = keeper.all();
  assert.ok(first !== undefined && !keeper.mayOpen('one', first.session), 'a run that is over asks for none');
  keeper.ended(first.session);
  begin('one');
  for (const { session } of keeper.all()) keeper.drop(session);
});
