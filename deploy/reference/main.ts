// npm run reference: writes the reference pages of docs/ from the tables of the source.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { referencePages } from './pages.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));

for (const [path, text] of referencePages(top)) writeFileSync(join(top, path), text);
