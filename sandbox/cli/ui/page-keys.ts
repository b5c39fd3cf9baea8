// Who may use the live page. A link has a token, which counts once and for a short time. It is exchanged for two secrets: a cookie, and a key that the page
// keeps for its own origin and sends by a header. A browser sends a cookie to every port of a host, and a plugin may serve one on loopback: the cookie
// alone is worth nothing. Only digests are kept. Runs in the process of the page.
import { createHash, randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;
/** From the print of a link to its use. */
const TOKEN_MS = 10 * 60_000;
const MOST_TOKENS = 16;
/** Without a request. */
const SESSION_MS = 12 * 3_600_000;
const MOST_SESSIONS = 16;

export interface PageSecrets {
  readonly cookie: string;
  readonly key: string;
}

function makeSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** @returns a link that counts once, and its token */
export function makeLink(base: string): { readonly url: string; readonly token: string } {
  const token = makeSecret();
  // Behind #: a browser sends it to nobody, and no log has it.
  return { url: `${base}/#token=${token}`, token };
}

export class PageKeys {
  readonly #clock: () => number;
  /** Until when each token counts. */
  readonly #tokens = new Map<string, number>();
  /** Until when each pair of secrets counts. */
  readonly #sessions = new Map<string, number>();

  /** @param clock in milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** A link with this token may be used. */
  admit(token: string): void {
    put(this.#tokens, digest(token), this.#clock() + TOKEN_MS, MOST_TOKENS);
  }

  /** @returns the secrets of a new session; undefined if the token does not count, or does not any more */
  enter(token: string): PageSecrets | undefined {
    const until = this.#tokens.get(digest(token));
    // protects: G21 ui: a link counts once => void 0;
    this.#tokens.delete(digest(token));
    if (
      /* protects: G21 ui: a link without a token opens nothing => false */ until === undefined ||
      until < this.#clock()
    )
      return undefined;
    const secrets = { cookie: makeSecret(), key: makeSecret() };
    put(this.#sessions, sessionOf(secrets), this.#clock() + SESSION_MS, MOST_SESSIONS);
    return secrets;
  }

  /** Whether a request with these has a session. Its time begins anew. */
  isOpen(secrets: PageSecrets): boolean {
    const session = sessionOf(secrets);
    const until = this.#sessions.get(session);
    if (until === undefined || until < this.#clock()) return false;
    put(this.#sessions, session, this.#clock() + SESSION_MS, MOST_SESSIONS);
    return true;
  }
}

function sessionOf({ cookie, key }: PageSecrets): string {
  return digest(JSON.stringify([cookie, /* protects: G21 ui: a cookie alone opens nothing => '' */ key]));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** The one that was put longest ago makes room. */
function put(entries: Map<string, number>, name: string, until: number, most: number): void {
  entries.delete(name);
  entries.set(name, until);
  for (const oldest of entries.keys()) if (entries.size > most) entries.delete(oldest);
}
