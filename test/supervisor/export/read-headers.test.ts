import assert from 'node:assert/strict';
import { chmodSync, linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readExportFiles } from '../../../sandbox/supervisor/export/read-headers.js';
import type { ExportConfig } from '../../../shared/config/export-config.js';
import { readableFolder } from '../../harness/users.js';

const TOKEN = 'a-token-that-no-message-has';

function configWith(text: string, mode = 0o600): ExportConfig & { readonly headersFile: string } {
  const headersFile = join(readableFolder(), 'headers');
  writeFileSync(headersFile, text);
  chmodSync(headersFile, mode);
  return {
    ...{ otlp: 'https://otel.example.com', headersFile, ca: undefined, signals: ['logs'], intervalMs: 1000 },
    ...{ addresses: [], via: undefined },
  };
}

const headersOf = (text: string): Readonly<Record<string, string>> =>
  readExportFiles(configWith(text), []).headers;

test('a file of headers has a line for each, and may have comments', () => {
  assert.deepEqual(
    headersOf(`# of the collector\n\nAuthorization: Bearer ${TOKEN}\nX-Scope-OrgID:\tone \n`),
    {
      ...{ authorization: `Bearer ${TOKEN}`, 'x-scope-orgid': 'one' },
    },
  );
});

// proves: export: a header has one line of printable characters
test('what is no header of printable characters is refused, and no message has anything of it', () => {
  const bad: readonly string[] = [
    ...['', '# nothing\n', `Bearer ${TOKEN}`, `Authorization:\n`, `Authorization: Bearer ${TOKEN}\r\n`],
    ...[`Authorization: ${TOKEN}\u0001\n`, `Authorization: ü${TOKEN}\n`, ` Authorization: ${TOKEN}\n`],
    ...[`Host: ${TOKEN}\n`, `Content-Type: ${TOKEN}\n`, `Content-Length: 1\n`, `a: ${TOKEN}\nA: ${TOKEN}\n`],
    `Authorization: ${'x'.repeat(9000)}\n`,
    Array.from({ length: 21 }, (_, at) => `X-${at}: ${TOKEN}\n`).join(''),
  ];
  for (const text of bad)
    assert.throws(
      () => headersOf(text),
      (error: Error & { code?: string; fields?: { key?: string } }) => {
        assert.deepEqual([error.code, error.fields?.key], ['bad_secret', 'export.headers_file'], text);
        assert.ok(!error.message.includes(TOKEN), error.message);
        return true;
      },
      JSON.stringify(text),
    );
});

// proves: export: the file of headers is read as a secret is
test('a file that every user may read, or that has another name, is refused', () => {
  const line = `Authorization: Bearer ${TOKEN}\n`;
  assert.throws(() => readExportFiles(configWith(line, 0o604), []), /every user may read/);
  const config = configWith(line);
  linkSync(config.headersFile, `${config.headersFile}.old`);
  assert.throws(() => readExportFiles(config, []), /has another name/);
});

test('certificates that are none are refused', () => {
  const { headersFile, ...config } = configWith('no certificate');
  assert.throws(() => readExportFiles({ ...config, headersFile: undefined, ca: headersFile }, []), {
    ...{ code: 'bad_secret', message: /has no certificates in PEM/ },
  });
});
