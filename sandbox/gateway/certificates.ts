// Makes the certificates of a gateway: an authority that the plugin trusts, and a leaf for each host. Runs in the supervisor, when the plugin starts. Nobody
// keeps the authority's key, so nobody can sign for another host later. RFC 5280, in DER (X.690); it writes and parses nothing.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** In PEM. */
export interface Leaf {
  readonly key: string;
  /** The leaf's certificate alone: the program has the authority's. */
  readonly certificate: string;
}

export interface GatewayCertificates {
  readonly authority: string;
  readonly leaves: ReadonlyMap<string, Leaf>;
}

/** A program may run for long. */
const VALID_DAYS = 3650;
/** The clocks of a host and of a program agree; a program with a faked clock may be behind. */
const BACKDATED_MS = 24 * 3600 * 1000;

/**
 * @param plugin its name, for people who read the certificate
 * @param hosts exact names
 */
export function makeCertificates(plugin: string, hosts: readonly string[], now: Date): GatewayCertificates {
  const subject = nameOf(`postern gateway of ${plugin}`);
  const { publicKey, privateKey } = makeKey();
  const validity = sequence(
    time(new Date(now.getTime() - BACKDATED_MS)),
    time(new Date(now.getTime() + VALID_DAYS * 24 * 3600 * 1000)),
  );
  const certify = (of: Buffer, key: KeyObject, extensions: readonly Buffer[]): string =>
    signed(privateKey, { issuer: subject, subject: of, validity, publicKey: key, extensions });
  const authority = certify(subject, publicKey, [
    // protects: G23 gateway: the authority signs no other authority
    extension('551d13', sequence(TRUE, integer(Buffer.of(0))), 'critical'),
    extension('551d0f', bits(Buffer.of(0x06), 1), 'critical'),
    extension('551d0e', tagged(0x04, keyId(publicKey))),
  ]);
  const leafOf = (host: string): Leaf => {
    const own = makeKey();
    const certificate = certify(nameOf(host.slice(0, LONGEST_NAME)), own.publicKey, [
      extension('551d13', sequence(), 'critical'),
      extension('551d0f', bits(Buffer.of(0x80), 7), 'critical'),
      extension('551d25', sequence(objectId('2b06010505070301'))),
      extension('551d11', sequence(tagged(0x82, Buffer.from(host, 'latin1')))),
      extension('551d23', sequence(tagged(0x80, keyId(publicKey)))),
      extension('551d0e', tagged(0x04, keyId(own.publicKey))),
    ]);
    return { key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate };
  };
  return { authority, leaves: new Map(hosts.map((host) => [host, leafOf(host)])) };
}

function makeKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

// The parts of a certificate.

interface Certificate {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly validity: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const VERSION_3 = Buffer.of(2);
const TRUE = Buffer.from('0101ff', 'hex');
/** ub-common-name. The name that counts is the other one (subjectAltName). */
const LONGEST_NAME = 64;

function signed(key: KeyObject, { issuer, subject, validity, publicKey, extensions }: Certificate): string {
  const algorithm = sequence(objectId(ECDSA_WITH_SHA256));
  const content = sequence(
    tagged(0xa0, integer(VERSION_3)),
    integer(serialNumber()),
    ...[algorithm, issuer, validity, subject],
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', content, { key, dsaEncoding: 'der' });
  const text = sequence(content, algorithm, bits(signature)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${text.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

/** Positive, and of the same length in every reading: its first bits are 01. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function nameOf(commonName: string): Buffer {
  const value = tagged(0x0c, Buffer.from(commonName, 'utf8'));
  return sequence(tagged(0x31, sequence(objectId('550403'), value)));
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}

function extension(id: string, value: Buffer, critical?: 'critical'): Buffer {
  return sequence(objectId(id), ...(critical === undefined ? [] : [TRUE]), tagged(0x04, value));
}

// DER.

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
  return Buffer.concat([Buffer.of(tag), size, content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes);
}

/** @param unused bits at the end of a list of named bits */
function bits(bytes: Buffer, unused = 0): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.of(unused), bytes]));
}

/** @param digits of the encoded identifier */
function objectId(digits: string): Buffer {
  return tagged(0x06, Buffer.from(digits, 'hex'));
}

/** GeneralizedTime from 2050 on, UTCTime before, RFC 5280 section 4.1.2.5. */
function time(when: Date): Buffer {
  const text = `${when.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return when.getUTCFullYear() >= 2050
    ? tagged(0x18, Buffer.from(text))
    : tagged(0x17, Buffer.from(text.slice(2)));
}
