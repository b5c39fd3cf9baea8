// needs: openssl
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type GatewayCertificates, makeCertificates } from '../../sandbox/gateway/certificates.js';

const HOSTS = ['api.example.com', `${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`];

function leafOf(
  { leaves }: GatewayCertificates,
  host: string,
): { readonly key: string; readonly certificate: string } {
  const leaf = leaves.get(host);
  assert.ok(leaf !== undefined);
  return leaf;
}

test('each leaf is for its host, and signed by the authority', () => {
  const made = makeCertificates('agent', HOSTS, new Date());
  const authority = new X509Certificate(made.authority);
  assert.ok(authority.ca && authority.verify(authority.publicKey));
  assert.equal(authority.subject, 'CN=postern gateway of agent');
  for (const host of HOSTS) {
    const { key, certificate } = leafOf(made, host);
    const leaf = new X509Certificate(certificate);
    assert.equal(leaf.subjectAltName, `DNS:${host}`);
    assert.ok(!leaf.ca && leaf.verify(authority.publicKey) && leaf.checkIssued(authority));
    assert.ok(leaf.checkPrivateKey(createPrivateKey(key)));
    assert.equal(leaf.checkHost(host, { subject: 'never' }), host);
    assert.equal(leaf.checkHost('other.example.com'), undefined);
  }
});

test('two plugins have two authorities, and the key of one is nowhere', () => {
  const [one, other] = ['a', 'b'].map((name) => makeCertificates(name, HOSTS, new Date()));
  assert.ok(one !== undefined && other !== undefined);
  const leaf = new X509Certificate(leafOf(one, 'api.example.com').certificate);
  assert.ok(!leaf.verify(new X509Certificate(other.authority).publicKey));
  for (const { key } of one.leaves.values())
    assert.ok(!new X509Certificate(one.authority).checkPrivateKey(createPrivateKey(key)));
});

// proves: gateway: the authority signs no other authority
test('openssl(1) takes the leaf for a server with that name, and for nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-certificates-'));
  try {
    const made = makeCertificates('agent', HOSTS, new Date('2045-06-01T12:00:00Z'));
    const { certificate } = leafOf(made, 'api.example.com');
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const [authority, leaf] = [file('ca.pem', made.authority), file('leaf.pem', certificate)];
    const verify = (words: readonly string[], of = leaf): string =>
      execFileSync(
        'openssl',
        [
          'verify',
          '-x509_strict',
          '-attime',
          `${Date.UTC(2050, 0, 2) / 1000}`,
          '-CAfile',
          authority,
          ...words,
          of,
        ],
        {
          encoding: 'utf8',
          stdio: 'pipe',
        },
      );
    assert.match(verify(['-purpose', 'sslserver', '-verify_hostname', 'api.example.com']), /: OK/);
    assert.throws(() => verify(['-verify_hostname', 'www.example.com']));
    assert.throws(() => verify(['-purpose', 'sslclient']));
    const text = execFileSync('openssl', ['x509', '-in', authority, '-noout', '-ext', 'basicConstraints'], {
      encoding: 'utf8',
    });
    assert.match(text, /critical[\s\S]*CA:TRUE, pathlen:0/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
