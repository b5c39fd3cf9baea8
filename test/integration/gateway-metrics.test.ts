// What postern counts of requests through a gateway, and that no page, status or report has the secret.
// needs: curl
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';
import { HOST, linesOf, PORT, SECRET, useOutside, writeScene } from './gateway-scene.js';

/** In the network of the test's own. */
const METRICS = '127.0.0.1:9464';
/** Nobody listens there. */
const CLOSED = PORT + 1;

const outside = useOutside();

for (const as of anyUser)
  test(`requests are counted by outcome, with secrets sent and masked, and no metric, status or report has one (${as})`, async (t) => {
    const scene = writeScene(as, {
      command: [
        'bash',
        '-c',
        `for words in "https://${HOST}:${PORT}/headers" "https://${HOST}:${CLOSED}/headers" "-X POST https://${HOST}:${PORT}/headers"; do
           curl -sS -o /dev/null -w '%{http_code}\\n' $words
         done
         exec sleep 1000`,
      ],
      allow: [`${HOST}:${PORT},${CLOSED}`],
      gateway: '{headers: {authorization: "Bearer {github}"}, allow: ["GET /headers"]}',
      top: [`metrics: ${METRICS}`],
    });
    const own = readableFolder();
    chownTo(as, own);
    const control = join(own, 'c.sock');
    const up = startPostern(['up', '--config', scene.config, '--control', control], {
      as,
      inside: outside.internet.within,
    });
    t.after(() => up.child.kill('SIGKILL'));
    await until(() => {
      if (up.child.exitCode !== null) throw new Error(up.said());
      return linesOf(up.stdout()).length === 3 || undefined;
    }, 20_000);
    assert.deepEqual(linesOf(up.stdout()), ['200', '502', '403'], up.stderr());
    const [program = '', ...words] = [...outside.internet.within, 'curl', '-sS', `http://${METRICS}/metrics`];
    const page = await until(() => {
      const text = execFileSync(program, words, { encoding: 'utf8' });
      return /^postern_http_requests_total\{.*refused.*\} 1$/m.test(text) ? text : undefined;
    });
    const counted = page
      .split('\n')
      .filter((line) => /^postern_(http_requests|secrets_masked)_total/.test(line));
    assert.deepEqual(counted.sort(), [
      'postern_http_requests_total{plugin="agent",outcome="failed"} 1',
      'postern_http_requests_total{plugin="agent",outcome="passed"} 1',
      'postern_http_requests_total{plugin="agent",outcome="refused"} 1',
      'postern_secrets_masked_total{plugin="agent"} 1',
    ]);
    assert.match(page, /^postern_secrets_injected_total\{plugin="agent"\} [1-9]/m);
    const status = await postern(['status', '--json', '--control', control], { as });
    assert.match(status.stdout, /"agent"/, status.stderr);
    up.child.kill('SIGTERM');
    const { stderr } = await up.result;
    const html = join(own, 'report.html');
    const report = await postern(['report', '--html', html, '--log', scene.audit], { as });
    assert.equal(report.status, 0, report.stderr);
    const shown = readFileSync(html, 'utf8');
    assert.match(shown, /\/headers/);
    const basic = Buffer.from(SECRET).toString('base64').replace(/=*$/, '');
    for (const text of [page, status.stdout, shown, stderr, readFileSync(scene.audit, 'utf8')])
      assert.ok(!text.includes(SECRET) && !text.includes(basic));
  });
