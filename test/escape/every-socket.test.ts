// Tries to redirect every kind of socket that a plugin can hold, in every process that can hold it, by every call. The answers are data.
// proves: G2
// proves: G3
import assert from 'node:assert/strict';
import { landlockVersion } from '../../shared/sys/landlock.js';
import { type OptionKind, SOCKET_OPTIONS } from '../../shared/sys/option-table.js';
import { type Findings, type Heard, hostile } from './hostile.js';
import { KERNEL_ANSWERS } from './kernel-answers.js';

const WAYS = ['same', 'fork', 'exec', 'rights'];
const TURNS = ['unspec', 'connect', 'connect_high', 'mapped', 'path', 'abstract', 'listen', 'bind'];
/** If Landlock has rules for TCP, the kernel executes an AF_UNIX call, which finds no listener. */
const [NO_PATH, NO_NAME] = landlockVersion() >= 4 ? ['ENOENT', 'ECONNREFUSED'] : ['EACCES', 'EACCES'];

const all = (answer: string): readonly string[] => TURNS.map(() => answer);
const KEEPS_ITS_PEER = [...all('EISCONN').slice(0, 6), 'EACCES', 'EACCES'];
/** The first call gets the answer "connected", as after any attempt that is over. */
const TOLD_ONCE = ['EISCONN', 'EISCONN ok', ...all('EISCONN').slice(0, 4), 'EACCES', 'EACCES'];

/** The answers of each kind to TURNS through the broker. The sandbox's own sockets reach at most its own network. */
const TRAPPED: Readonly<Record<string, readonly string[]>> = {
  channel: KEEPS_ITS_PEER,
  trap: TOLD_ONCE,
  failed: ['ok', 'EACCES', 'EACCES', 'EAFNOSUPPORT', 'EINVAL', 'EINVAL', 'EACCES', 'EACCES'],
  accepted: KEEPS_ITS_PEER,
  // The listener listens already.
  listener: [...KEEPS_ITS_PEER.slice(0, 6), 'ok', 'EACCES'],
  output: ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', 'EACCES', 'EACCES', 'EACCES', 'EINVAL'],
  tcp: [
    'ok',
    'ECONNREFUSED',
    'ECONNREFUSED',
    'EAFNOSUPPORT',
    'EINVAL',
    'EINVAL',
    KERNEL_ANSWERS['listen after a refusal'],
    'EINVAL',
  ],
  tcp6: [
    'ok',
    'EINVAL',
    'EINVAL',
    'ECONNREFUSED',
    'EINVAL',
    'EINVAL',
    KERNEL_ANSWERS['listen after a refusal'],
    'EINVAL',
  ],
  udp: ['ok', 'ok', 'ok', 'EAFNOSUPPORT', 'EINVAL', 'EINVAL', 'EOPNOTSUPP', 'EINVAL'],
  unix: ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', NO_PATH, NO_NAME, 'EINVAL', 'EINVAL'],
  netlink: ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'EOPNOTSUPP', 'EINVAL'],
};
/** Without the broker: only sockets from the channel and from a listener belong to the host. */
const REFUSED: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.keys(TRAPPED)
    .filter((kind) => kind !== 'trap' && kind !== 'failed')
    .map((kind) => [kind, all('EACCES')]),
);
/** The same answers for every kind, from the filter alone. */
const ALWAYS = { fastopen: 'EOPNOTSUPP', ioctls: 'EPERM', tells: 'nothing' };
/** What a read of the error queue answers once, after a datagram to a port where nobody receives. */
const REFUSED_DATAGRAM = 'ECONNREFUSED ';
/** The sandbox's own sockets. The broker lists the sandbox's interfaces to them. */
const OWN = ['tcp', 'tcp6', 'udp', 'unix', 'netlink'];
/** The levels and numbers that the filter lets pass. The broker decides on SO_LINGER. */
const optionsOf = (egress: 'channel' | 'transparent'): string => {
  const answered: readonly OptionKind[] =
    egress === 'channel' ? ['refused', 'off', 'judged'] : ['refused', 'off'];
  const passed = SOCKET_OPTIONS.filter(({ kind }) => !answered.includes(kind)).sort(
    (a, b) => a.level - b.level || a.number - b.number,
  );
  return [...new Set(passed.map(({ level }) => level))]
    .map(
      (level) => `${level}:${passed.flatMap((one) => (one.level === level ? [one.number] : [])).join(',')}`,
    )
    .join(' ');
};

/** The different answers of one kind to one attempt, from any process. */
function answers(findings: Findings, kind: string, attempt: string, ways: readonly string[]): string {
  const found = ways.map((way) => findings.get(`${kind}/${way}/${attempt}`) ?? 'no answer');
  return [...new Set(found)].sort().join(' ');
}

function compare({ findings, egress }: Heard): void {
  const expected = egress === 'channel' ? REFUSED : TRAPPED;
  const kinds = new Set(
    [...findings.keys()].filter((name) => name !== 'ready').map((name) => name.split('/')[0]),
  );
  assert.deepEqual([...kinds].sort(), Object.keys(expected).sort());
  for (const [kind, turns] of Object.entries(expected)) {
    const told = (attempt: string): string => answers(findings, kind, attempt, WAYS);
    assert.deepEqual(TURNS.map(told), turns, kind);
    const always =
      OWN.includes(kind) && egress === 'transparent' ? { ...ALWAYS, ioctls: 'ok EPERM' } : ALWAYS;
    const refused = kind === 'udp' && egress === 'transparent' ? REFUSED_DATAGRAM : '';
    assert.equal(told('errors'), `${refused}EAGAIN`, kind);
    assert.deepEqual(Object.fromEntries(Object.keys(ALWAYS).map((one) => [one, told(one)])), always, kind);
    assert.equal(answers(findings, kind, 'options', ['same']), optionsOf(egress), kind);
  }
}

hostile({
  name: 'Every socket is turned in every process',
  program: 'every-socket.py',
  listens: true,
  without: [
    ...['seccomp.connect', 'seccomp.bind', 'seccomp.listen', 'seccomp.fastopen', 'seccomp.setsockopt'],
    ...['seccomp.ioctl_interfaces', 'seccomp.ioctl_interface_reads', 'seccomp.error_queue', 'landlock'],
  ],
  refused: compare,
  open: ({ findings, forbidden, egress }) => {
    for (const way of WAYS) {
      for (const kind of ['channel', 'accepted'])
        assert.ok(forbidden.includes(`<${kind}/${way}>`), `${kind} ${way}: ${forbidden}`);
      const asClient = KERNEL_ANSWERS['connect of an ended listener'];
      assert.equal(findings.get(`listener/${way}/connect`), asClient);
      assert.equal(forbidden.includes(`<listener/${way}>`), asClient === 'ok', forbidden);
      assert.match(findings.get(`channel/${way}/ioctls`) ?? '', /\bok\b/);
      assert.equal(findings.get(`channel/${way}/errors`), 'EFAULT');
    }
    assert.notEqual(findings.get('channel/same/options'), optionsOf(egress));
  },
});
