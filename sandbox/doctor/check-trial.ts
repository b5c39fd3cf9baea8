// Judges the trial: was the sandbox made, was the permitted connection made, was the other one refused.

import { FILTER_SIGN, filterFix } from '../host/container-fix.js';
import { YAMA_SETTING } from './check-kernel.js';
import { type Check, degraded, following, missing, type Outcome, ok } from './check-result.js';
import type { HostFacts } from './host-facts.js';
import type { Trial } from './trial.js';

/** The output of trial-plugin.ts. EACCES is a refusal, with any reason. */
const EXPECTED = /^allowed: good day, refused: EACCES \w+$/;
const GREETING = 'good day';
/** The answer of a seccomp filter that refuses a call. */
const REFUSED = /: EPERM$|not permitted$/;
const SEE_ABOVE = 'Fix what is missing above, then run postern doctor again.';

/** @param others whether another check is `missing`: then the failure of the sandbox follows from that one */
export function judgeTrial(trial: Trial, facts: HostFacts, others: boolean): readonly Check[] {
  return [
    { name: 'sandbox', needed: 'one that runs a program', ...judgeSandbox(trial, facts, others) },
    {
      name: 'connection',
      needed: 'an allowed one made and handed over, another refused',
      ...judgeConnection(trial, facts),
    },
    {
      name: 'own connect(2)',
      needed: "a program's own, served by the broker",
      ...judgeOwnConnection(trial, facts),
    },
  ];
}

function judgeSandbox({ sandbox }: Trial, facts: HostFacts, others: boolean): Outcome {
  if ('failure' in sandbox) {
    const { message, fix } = sandbox.failure;
    if (others) return following(message, SEE_ABOVE);
    const filtered = REFUSED.test(message) ? filterFix(facts) : undefined;
    return missing(filtered === undefined ? message : `${FILTER_SIGN}, and ${message}`, filtered ?? fix);
  }
  const [uid, gid] = sandbox.ids.split(' ');
  return ok(`made in ${sandbox.milliseconds} ms, uid ${uid} gid ${gid} inside`);
}

function judgeConnection({ connection }: Trial, { loopback }: HostFacts): Outcome {
  if (connection === undefined) return following('not tried: there is no sandbox');
  if ('failure' in connection) return missing(connection.failure.message, connection.failure.fix);
  const { said, trespasses } = connection;
  if (trespasses > 0)
    return missing(
      `connections that no rule allows, and that were made: ${trespasses}`,
      'Run no untrusted program here, and report it as SECURITY.md says.',
    );
  if (EXPECTED.test(said)) return ok(`${said}; the listener that no rule allows heard nothing`);
  return missing(
    `${loopback ? '' : 'the interface lo is not up; '}${said || 'the plugin said nothing'}`,
    loopback ? undefined : 'Bring it up, as root:\n  ip link set lo up',
  );
}

/** Without a trap in the kernel another check says so, and programs that use the channel still work. */
function judgeOwnConnection({ connection }: Trial, facts: HostFacts): Outcome {
  if (connection === undefined || 'failure' in connection) return following('not tried');
  const { said, itself } = connection;
  if (itself === GREETING) return ok(itself);
  const found = itself || 'the plugin said nothing';
  if (!EXPECTED.test(said)) return following(found, SEE_ABOVE);
  const { userNotification, netnsCookie } = facts.kernel;
  if (!userNotification || !netnsCookie || facts.settings[YAMA_SETTING] === '3')
    return degraded(found, 'It follows from what is degraded above.');
  return missing(found, filterFix(facts));
}
