// The rules for Prometheus, as its own promtool(1) reads them, and what rules and dashboard name: every metric, label and word is one of the tables.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { METRICS } from '../../broker/record/broker-metrics.js';
import { ROWS } from '../../deploy/grafana/dashboard.js';
import { SUPERVISOR_METRICS } from '../../sandbox/supervisor/record/supervisor-metrics.js';

import type { MetricForm } from '../../shared/metrics/metric-form.js';
import { TOP } from '../docs/page.js';

const FOLDER = join(TOP, 'deploy/prometheus');

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const text = readFileSync(join(FOLDER, 'postern.rules.yml'), 'utf8');
const rules = (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

function promtool(...words: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', words, { cwd: FOLDER, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

test('promtool finds nothing wrong with the configuration and the rules', () => {
  promtool('check', 'config', 'prometheus.yml');
  promtool('check', 'rules', '--lint=all', '--lint-fatal', 'postern.rules.yml');
});

test('each alert fires for its fault, and is silent otherwise', () =>
  promtool('test', 'rules', 'postern.test.yml'));

test('the test of the rules has every alert', () => {
  const tested = readFileSync(join(FOLDER, 'postern.test.yml'), 'utf8');
  const alerts = rules.flatMap(({ alert = [] }) => alert);
  assert.ok(alerts.length > 10);
  assert.deepEqual(
    alerts.filter((name) => !tested.includes(`alertname="${name}"`)),
    [],
  );
});

test('each alert says what happened, and what to do', () => {
  for (const { alert, annotations = {} } of rules.filter((rule) => rule.alert !== undefined)) {
    assert.match(annotations['summary'] ?? '', /\{\{ \$labels\.(?:instance|plugin) \}\}/, alert);
    assert.match(annotations['runbook'] ?? '', /^.{40,}\.$/, alert);
  }
});

const FORMS = new Map<string, MetricForm>(
  [...Object.values<MetricForm>(METRICS), ...Object.values<MetricForm>(SUPERVISOR_METRICS)].map((form) => [
    form.name,
    form,
  ]),
);
const recorded = rules.flatMap(({ record = [] }) => record);
const queries = ROWS.flatMap(({ panels }) =>
  panels.flatMap((panel) => panel.queries.map(({ expr }) => expr)),
);

for (const [where, exprs] of [
  ['the rules', rules.map(({ expr }) => expr)],
  ['the dashboard', queries],
] as const)
  test(`${where} name only metrics, labels and words that there are`, () => {
    let named = 0;
    for (const expr of exprs)
      for (const [, name = '', matchers = ''] of expr.matchAll(/(?<![:\w])(postern_\w+)(?:\{([^}]*)\})?/g)) {
        const form = FORMS.get(name) ?? FORMS.get(name.replace(/_bucket$/, ''));
        assert.ok(form !== undefined, `${name}: ${expr}`);
        named += 1;
        for (const [, label = '', operator = '', values = ''] of matchers.matchAll(
          /(\w+)(=~?|!=|!~)"([^"]*)"/g,
        )) {
          if (label === 'instance') continue;
          const known = form.labels[label];
          assert.ok(known !== undefined, `${name} has no label ${label}`);
          if ('any' in known) continue;
          const pattern = operator.endsWith('~') ? values : values.replaceAll('|', '[|]');
          for (const word of pattern.split('|'))
            assert.ok(
              known.some((one) => new RegExp(`^(?:${word})$`).test(one)),
              `${name}: no ${label} is ${word}`,
            );
        }
      }
    assert.ok(named > 10);
  });

test('alerts name only recorded series that there are', () => {
  const named = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/\binstance\w*:postern_[\w:]+/g)].map(([name]) => name),
  );
  assert.ok(named.length > 3);
  assert.deepEqual(
    named.filter((name) => !recorded.includes(name)),
    [],
  );
});
