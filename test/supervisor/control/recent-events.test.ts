import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentEvents, RuleHits } from '../../../sandbox/supervisor/control/recent-events.js';
import { KEPT_EVENTS } from '../../../shared/limits.js';
import { decision, denial, request } from '../../cli/ui/page-scene.js';

test('the latest events are kept, and refusals do not drive requests out', () => {
  const events = new RecentEvents();
  events.take(request('/x'));
  for (let number = 0; number < 5 * KEPT_EVENTS; number += 1) events.take(denial(`h${number}.example.com`));
  const all = events.last(undefined, undefined, 10_000);
  assert.equal(all.length, KEPT_EVENTS + 1);
  assert.equal(all[0]?.event, 'http');
  assert.deepEqual(
    events.last('web', 'decision', 1).map((event) => 'host' in event && event.host),
    [`h${5 * KEPT_EVENTS - 1}.example.com`],
  );
  assert.deepEqual(events.last('mail', undefined, 10), []);
});

test('rules are counted by plugin, list and host, and those without a hit are there', () => {
  const hits = new RuleHits();
  hits.take(decision({}));
  hits.take(decision({}));
  hits.take(decision({ plugin: 'mail' }));
  hits.take(denial('tracker.example.net', { reason: 'denied_by_rule', rule: 'api.example.com' }));
  hits.take(request('/repos/x'));
  hits.take(denial('nobody.example.com'));
  const gateway = [{ host: 'api.example.com', allow: ['GET /repos/**', 'POST /x'], deny: [] }];
  const web = {
    name: 'web',
    allow: ['api.example.com', 'old.example.com'],
    deny: ['api.example.com'],
    gateway,
  };
  const counted = (unused: boolean, most = 10): readonly unknown[] =>
    hits
      .list([web], unused, most)
      .rules.map(({ list, host, rule, hits: times }) => [list, host, rule, times]);
  assert.deepEqual(counted(false), [
    ['allow', null, 'api.example.com', 2],
    ['allow', null, 'old.example.com', 0],
    ['allow', 'api.example.com', 'GET /repos/**', 1],
    ['allow', 'api.example.com', 'POST /x', 0],
    ['deny', null, 'api.example.com', 1],
  ]);
  assert.deepEqual(
    counted(true).map((one) => (one as readonly string[])[2]),
    ['old.example.com', 'POST /x'],
  );
  assert.deepEqual([counted(false, 2).length, hits.list([web], false, 2).more], [2, 3]);
});
