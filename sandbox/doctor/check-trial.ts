// Judges the trial: was the sandbox made, was the permitted connection made, was the other one refused.

import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import type { Check } from './check-result.js';
import { YAMA_SETTING } from './check-yama.js';
import type { HostFacts } from './host-facts.js';
import type { Trial } from './trial.js';

/** The output of trial-plugin.ts. EACCES is a refusal, with any reason. */
const EXPECTED = /^allowed: good day, refused: EACCES \w+$/;
const GREETING = 'good day';
/** The answer of a seccomp filter that refuses a call. */
const REFUSED = /: EPERM$|not permitted$/;
const SEE_ABOVE = 'Fix what is missing above, then run postern doctor again.';

/** @param others whether another check is `missing`: then this failure follows from that one */
export function checkSandbox({ sandbox }: Trial, facts: HostFacts, others: boolean): Check {
  const check = { name: 'sandbox', needed: 'one that runs a program' };
  if ('failure' in sandbox) {
    const { message, fix } = sandbox.failure;
    if (others) return { ...check, state: 'missing', found: message, fix: SEE_ABOVE, follows: true };
    const filtered = REFUSED.test(message) ? filterFix(facts) : undefined;
    const found = filtered === undefined ? message : `${FILTER_SIGN}, and ${message}`;
    return { ...check, state: 'missing', found, fix: filtered ?? fix };
  }
  const [uid, gid] = sandbox.ids.split(' ');
  return { ...check, state: 'ok', found: `made in ${sandbox.milliseconds} ms, uid ${uid} gid ${gid} inside` };
}

export function checkConnection({ connection }: Trial, { loopback }: HostFacts): Check {
  const check = { name: 'connection', needed: 'an allowed one made and handed over, another refused' };
  if (connection === undefined)
    return { ...check, state: 'missing', found: 'not tried: there is no sandbox', follows: true };
  if ('failure' in connection)
    return { ...check, state: 'missing', found: connection.failure.message, fix: connection.failure.fix };
  const { said, trespasses } = connection;
  if (trespasses > 0) {
    return {
      ...check,
      state: 'missing',
      found: `connections that no rule allows, and that were made: ${trespasses}`,
      fix: 'Run no untrusted program here, and report it as SECURITY.md says.',
    };
  }
  if (EXPECTED.test(said))
    return { ...check, state: 'ok', found: `${said}; the listener that no rule allows heard nothing` };
  return {
    ...check,
    state: 'missing',
    found: `${loopback ? '' : 'the interface lo is not up; '}${said || 'the plugin said nothing'}`,
    fix: loopback ? undefined : 'Bring it up, as root:\n  ip link set lo up',
  };
}

/** Without a trap in the kernel another check says so, and programs that use the channel still work. */
export function checkOwnConnection({ connection }: Trial, facts: HostFacts): Check {
  const check = { name: 'own connect(2)', needed: "a program's own, served by the broker" };
  if (connection === undefined || 'failure' in connection)
    return { ...check, state: 'missing', found: 'not tried', follows: true };
  const { said, itself } = connection;
  if (itself === GREETING) return { ...check, state: 'ok', found: itself };
  const found = itself || 'the plugin said nothing';
  if (!EXPECTED.test(said)) return { ...check, state: 'missing', found, fix: SEE_ABOVE, follows: true };
  const { userNotification, netnsCookie } = facts.kernel;
  if (!userNotification || !netnsCookie || facts.settings[YAMA_SETTING] === '3')
    return { ...check, state: 'degraded', found, fix: 'It follows from what is degraded above.' };
  return { ...check, state: 'missing', found, fix: filterFix(facts) };
}
