// The picture at the top of the README shows what a run prints.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { draw } from '../cast/draw.js';
import { playScene } from '../cast/scene.js';
import { TOP } from './page.js';

test('docs/cast.svg is what a run of its scene prints; npm run cast draws it again', async () => {
  assert.equal(readFileSync(join(TOP, 'docs/cast.svg'), 'utf8'), draw(await playScene()));
  assert.match(readFileSync(join(TOP, 'README.md'), 'utf8').slice(0, 600), /\]\(docs\/cast\.svg\)/);
});
