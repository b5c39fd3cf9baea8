// npm run prove is not part of every test run. Here its markers and the declarations of tests are checked, so that they stay true.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { sandboxGroups } from '../../broker/sandbox/sandbox-rules.js';
import { mutantSource } from '../../deploy/protections/mutant-source.js';
import { readAllMarkers } from '../../deploy/protections/read-all-markers.js';
import { readAllProofs } from '../../deploy/protections/read-all-proofs.js';
import { argumentDenials } from '../../sandbox/launch/filter/argument-denials.js';
import { conditionalCalls } from '../../sandbox/launch/filter/conditional-calls.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { findChanges } from '../mutation/find-changes.js';
import { OWN_CODE } from '../mutation/own-code.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
// Throws for a marker that names no node.
const markers = readAllMarkers(top);
const proofs = readAllProofs(top);
const protections = markers.filter(({ kind }) => kind === 'protection');
const names = new Set(protections.map(({ name }) => name));

test('every protection has a test that proves it, and every proof has a protection', () => {
  assert.ok(names.size > 400);
  const proved = new Set(proofs.map(({ name }) => name));
  const unproved = protections.filter(({ name, failsClosed }) => !failsClosed && !proved.has(name));
  assert.deepEqual([...new Set(unproved.map(({ name }) => name))], [], 'no test proves these');
  const security = readFileSync(join(top, 'SECURITY.md'), 'utf8');
  const guarantees = [...security.matchAll(/^\| (G\d+) \|/gm)].map(([, name = '']) => name);
  const strange = [...proved].filter((name) => !names.has(name) && !guarantees.includes(name));
  assert.deepEqual(strange, [], 'these are no protections');
  for (const { name, guarantee = '' } of protections) assert.ok(guarantees.includes(guarantee), name);
});

test('all markers of one name mean the same', () => {
  for (const name of names) {
    const own = protections.filter((one) => one.name === name);
    const said = own.map(({ guarantee, failsClosed, asRoot, besides }) =>
      JSON.stringify({ guarantee, failsClosed, asRoot, besides }),
    );
    assert.equal(new Set(said).size, 1, name);
    assert.ok(
      own.every(({ rowOf }) => (rowOf === undefined) === (own[0]?.rowOf === undefined)),
      name,
    );
  }
  const points = markers.filter(({ kind }) => kind === 'test point').map(({ name }) => name);
  assert.deepEqual(
    points.filter((name) => names.has(name)),
    [],
  );
  const known = [...names, ...points];
  for (const { name, besides } of protections)
    for (const one of besides) assert.ok(known.includes(one), name);
  for (const name of Object.keys(OWN_CODE)) assert.ok(known.includes(name), name);
});

test('every group of the filters and of its sandbox is a row with a marker', () => {
  const rows = protections.filter(({ rowOf }) => rowOf !== undefined).map(({ name }) => name);
  const groups = [...refusedCalls, ...argumentDenials, ...conditionalCalls].map(({ name }) => name);
  const ofBroker = sandboxGroups(0).map(({ why }) => `broker sandbox: ${why}`);
  assert.deepEqual(rows.sort(), [...groups, ...ofBroker].sort());
});

test('every mutant is code, and differs', () => {
  for (const name of names) {
    const changes = findChanges(top, [name], markers);
    assert.ok(changes.length > 0, name);
    for (const file of new Set(changes.map(({ marker }) => marker.file))) {
      const text = readFileSync(join(top, file), 'utf8');
      const mutant = mutantSource(
        text,
        changes.filter(({ marker }) => marker.file === file),
      );
      assert.notEqual(mutant, text, name);
      if (!file.endsWith('.ts')) continue;
      assert.doesNotThrow(() => transformSync(mutant, { loader: 'ts', logLevel: 'silent' }), name);
    }
  }
});
