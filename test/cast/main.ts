// npm run cast: plays the scene, and draws docs/cast.svg. test/docs/cast.test.ts plays it again, and fails where the picture is not true any more.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOP } from '../docs/page.js';
import { draw } from './draw.js';
import { playScene } from './scene.js';

writeFileSync(join(TOP, 'docs/cast.svg'), draw(await playScene()));
