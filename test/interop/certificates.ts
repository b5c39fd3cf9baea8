// A certificate authority for the tests, and its certificates for localhost and for another name.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE } from '../harness/patience.js';

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** Path of the authority's certificate. */
  readonly authority: string;
  /** Paths of a pair for localhost and 127.0.0.1. */
  readonly local: KeyPair;
  /** Paths of a pair for other.example alone. */
  readonly other: KeyPair;
}

export interface Authority {
  /** Path of its certificate. */
  readonly authority: string;
  /** @param alternatives as `DNS:localhost,IP:127.0.0.1` */
  readonly sign: (name: string, alternatives: string) => KeyPair;
}

export function makeCertificates(folder: string): Certificates {
  const { authority, sign } = makeAuthority(folder);
  return {
    authority,
    local: sign('local', 'DNS:localhost,IP:127.0.0.1'),
    other: sign('other', 'DNS:other.example'),
  };
}

export function makeAuthority(folder: string): Authority {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore', timeout: 30_000 * PATIENCE });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  const sign = (name: string, alternatives: string): KeyPair => {
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${alternatives}\n`);
    openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    );
    return { key: join(folder, `${name}.key`), cert: join(folder, `${name}.crt`) };
  };
  return { authority: join(folder, 'ca.crt'), sign };
}

export function readPair({ key, cert }: KeyPair): { key: Buffer; cert: Buffer } {
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
