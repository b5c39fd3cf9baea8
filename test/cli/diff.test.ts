// What a reload says of its changed rules.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeChange } from '../../sandbox/cli/diff.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';

const agent = (allow: readonly string[], deny: readonly string[] = []): PluginConfig => ({
  ...plainPlugin('agent', ['true']),
  allow,
  deny,
});
const change = (before: PluginConfig, after: PluginConfig): Promise<readonly string[]> =>
  describeChange([before], [after], ['agent']);

test('a reload compares the rules of a plugin, unless they are the same or too many', async () => {
  const small = agent(['api.example.com']);
  assert.deepEqual(await change(small, agent(['api.example.com', 'b.example.com'])), [
    'agent: opens b.example.com:443 (rule "b.example.com")',
  ]);
  const list = Array.from({ length: 20_001 }, (_, index) => `h${index}.example.com`);
  assert.deepEqual(await change(small, agent(['api.example.com'], list)), [
    'agent: its rules differ, and are too many to compare here: see postern diff',
  ]);
  assert.deepEqual(await change(agent(['*'], list), agent(['*'], list)), []);
});
