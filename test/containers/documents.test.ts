import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { distFor, readableFolder } from '../harness/users.js';
import { image } from './image.js';
import { noContainers, run } from './podman.js';

const text = readFileSync(join(distFor('root'), '../docs/containers.md'), 'utf8');
const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
  block.trimEnd().split('\n'),
);

let name = '';
before(
  async () => {
    if (noContainers === false) name = await image();
  },
  { timeout: 240_000 * PATIENCE },
);

test('the commands of docs/containers.md make the image, the profile and containers that work', {
  skip: noContainers,
}, async () => {
  const building = lines.slice(0, 3);
  assert.match(building.join('\n'), /^npm pack\nnpm install --global .*\npodman build .*Containerfile/);
  const folder = readableFolder();
  const said: string[] = [];
  for (const line of lines.slice(building.length)) {
    // The first three commands make the image, on the test's own Debian.
    const { status, stdout, stderr } = await run(
      ['sh', '-c', line.replace(' postern ', ` ${name} `)],
      folder,
    );
    assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
    said.push(stdout);
  }
  assert.equal(said.length, 3);
  assert.match(said[1] ?? '', /This host can run postern\n$/);
  assert.equal(said[2], 'it runs\n');
});
