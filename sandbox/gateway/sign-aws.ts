// Signs a request for AWS (Signature Version 4), in the place of the program's own signature, which its SDK makes with worthless keys. Runs in the gateway.
// Pure, except for the time. Trusts nothing of the request. If it signed another form than it sends, AWS would refuse the request.
//
// aws4fetch signs. docs/design/gateway.md says why that one.
import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import { AWS_SIGNATURE } from '../../shared/config/gateway-keys.js';
import type { HttpRefusal } from './refusal.js';
import { authorityOf, type Pairs, type Place, type RequestHead, valuesOf } from './request-head.js';

export interface AwsSigning {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  readonly service: string;
}

const HASH = 'x-amz-content-sha256';
const UNSIGNED = 'UNSIGNED-PAYLOAD';
/** A body of pieces, without signatures of its own. */
const UNSIGNED_PIECES = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** S3 alone takes a signature that leaves the body out. */
export function signsBody({ service }: AwsSigning): boolean {
  return service !== 's3';
}

/** @returns why a request cannot be signed anew; undefined if it can */
export function signingProblem(
  signing: AwsSigning,
  { target, headers }: Pick<RequestHead, 'target' | 'headers'>,
): HttpRefusal | undefined {
  const refused = (message: string): HttpRefusal => ({ reason: 'not_signable', message });
  const names = [...new URL(`https://host${target}`).searchParams.keys()];
  // protects: G23 gateway: a request that is signed in its query is refused
  if (names.some((name) => AWS_SIGNATURE.has(name.toLowerCase())))
    return refused(
      'the request is signed in its query, and the gateway signs in headers: send it without a presigned URL',
    );
  const isForm = valuesOf(headers, 'content-type').some((type) => /multipart\/form-data/i.test(type));
  // protects: G23 gateway: a form for S3, which is signed in its body, is refused
  if (isForm && !signsBody(signing))
    return refused(
      'S3 takes a form by a signature in the body, and the gateway signs in headers: send a PUT',
    );
  const isRefused = valuesOf(headers, HASH).some(
    (hash) => hash.startsWith('STREAMING-') && (signsBody(signing) || hash !== UNSIGNED_PIECES),
  );
  // protects: G23 gateway: a body with signatures of the program is refused
  if (isRefused)
    return refused(
      'the pieces of the body have signatures or checksums that the gateway cannot make anew: set AWS_REQUEST_CHECKSUM_CALCULATION=when_required, in Java chunkedEncodingEnabled(false), in .NET UseChunkEncoding = false',
    );
  return undefined;
}

/**
 * @param content the body, if the signature is to name it
 * @param datetime as in 20150830T123600Z; undefined: now
 * @returns what is sent
 */
export async function signAws(
  { service, ...keys }: AwsSigning,
  place: Place,
  { method, target, headers }: Pick<RequestHead, 'method' | 'target' | 'headers'>,
  content?: Buffer,
  datetime?: string,
): Promise<Pick<RequestHead, 'target' | 'headers'>> {
  const claimed = valuesOf(headers, HASH);
  // protects: G23 gateway: a signature or a token of the program does not go on => const kept = headers;
  const kept = headers.filter(([name]) => !AWS_SIGNATURE.has(name.toLowerCase()));
  const isSigned = ([name]: Pairs[number]): boolean => /^(?:content-type|x-amz-.+)$/i.test(name);
  const signed = new Headers(kept.filter(isSigned).map(([name, value]) => [name, value]));
  if (service === 's3') signed.set(HASH, claimed.includes(UNSIGNED_PIECES) ? UNSIGNED_PIECES : UNSIGNED);
  else if (claimed.length > 0)
    signed.set(
      HASH,
      createHash('sha256')
        .update(content ?? '')
        .digest('hex'),
    );
  const url = new URL(`https://${authorityOf(place)}${target}`);
  // S3 reads a plus as a space, and the rules read it as a plus.
  if (service === 's3') url.pathname = url.pathname.replaceAll('+', '%2B');
  const signer = new AwsV4Signer({
    ...{ ...keys, service, method, url: url.href, headers: signed, allHeaders: true },
    ...(content === undefined ? {} : { body: content }),
    ...(datetime === undefined ? {} : { datetime }),
  });
  const made = await signer.sign();
  return {
    target: `${made.url.pathname}${made.url.search}`,
    headers: [...kept.filter((pair) => !isSigned(pair)), ...made.headers],
  };
}
