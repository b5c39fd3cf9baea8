// npm run cast: plays the scene, and draws docs/cast.svg. test/docs/cast.test.ts plays it again, and fails where the picture is not true any more.
// npm run cast -- page: takes docs/page.png, the picture of the live page, as root.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOP } from '../docs/page.js';
import { draw } from './draw.js';
import { drawPage } from './page-picture.js';
import { playScene } from './scene.js';

if (process.argv[2] === 'page') console.log(await drawPage());
else writeFileSync(join(TOP, 'docs/cast.svg'), draw(await playScene()));
