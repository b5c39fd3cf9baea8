// A plugin that says how its connections end, under an `up` whose rules a test changes.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AuditLine } from '../harness/audit-line.js';
import { startPostern } from '../harness/postern.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import type { User } from '../harness/users.js';

const TALK = `
import array, os, socket, sys, threading, time
kept, lost = sys.argv[1], sys.argv[2]
def talk(s, name):
    s.setblocking(True)
    try:
        while True:
            s.sendall(b"x")
            if not s.recv(1):
                break
            time.sleep(0.005)
    except OSError:
        pass
    print(name, "ended", flush=True)
def go_on(s, name):
    threading.Thread(target=talk, args=(s, name), daemon=True).start()
`;

/** Who may hold a connection, beside a client of the channel: the program's end for each. */
export const HOLDERS: Readonly<Record<string, string>> = {
  'the program, on which a thread waits': 'go_on(dial(lost), "lost")',
  'a child, under another number': `
s = dial(lost)
if os.fork() == 0:
    talk(s.dup(), "lost")
    os._exit(0)
s.close()`,
  'another process, which received it': `
ours, theirs = socket.socketpair()
if os.fork() == 0:
    talk(socket.socket(fileno=socket.recv_fds(theirs, 1, 1)[1][0]), "lost")
    os._exit(0)
s = dial(lost)
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()`,
};

/** Opens connections to the second place without end, and says with which errno it is refused. */
export const DIALS_ON = `
go_on(dial(lost), "lost")
while True:
    time.sleep(0.02)
    try:
        dial(lost).close()
    except OSError as error:
        print("refused", error.errno, flush=True)`;

/** Holds a connection to the second place in a message that nobody receives. */
export const QUEUES = `
ours, theirs = socket.socketpair()
s = dial(lost)
s.sendall(b"used")
socket.send_fds(ours, [b"x"], [s.fileno()])
s.close()
print("queued", flush=True)`;

export interface TalkerRules {
  readonly allow: readonly string[];
  readonly deny?: readonly string[] | undefined;
  /** `reload.revoke` of the file. */
  readonly revoke?: string | undefined;
}

export interface TalkerPlan {
  readonly user: User;
  /** Takes the file. */
  readonly folder: string;
  /** Python that defines dial(place). */
  readonly dial: string;
  /** What it does, after a connection to the first place that goes on. */
  readonly program: string;
  /** The first place stays allowed, the second one is to be withdrawn. */
  readonly places: readonly [kept: string, lost: string];
  readonly rules: TalkerRules;
  /** Further keys of the plugin. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Talker {
  /** The supervisor's. */
  readonly pid: number;
  readonly said: () => string;
  readonly revoked: () => readonly AuditLine[];
  /** Puts other rules in force. */
  readonly change: (rules: TalkerRules) => void;
}

export function startTalker(t: TestContext, plan: TalkerPlan): Talker {
  const { user, folder, dial, program, places, settings } = plan;
  const script = `${PYTHON_CHANNEL}${TALK}${dial}\ngo_on(dial(kept), "kept")\n${program}\ntime.sleep(100)`;
  const command = ['/usr/bin/python3', '-c', script, ...places];
  const write = ({ allow, deny = [], revoke }: TalkerRules): void => {
    const plugins = { talker: { ...settings, command, cwd: '/', allow, deny } };
    const config = { audit: 'stdout', reload: revoke && { revoke }, plugins };
    writeFileSync(join(folder, 'next'), JSON.stringify(config));
    renameSync(join(folder, 'next'), join(folder, 'postern.yaml'));
  };
  write(plan.rules);
  const { child, said } = startPostern(['up'], { as: user, cwd: folder });
  t.after(() => child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    said,
    revoked: () =>
      said()
        .split('\n')
        .filter((line) => line.startsWith('{') && line.endsWith('}'))
        .map((line) => JSON.parse(line) as AuditLine)
        .filter((event) => event['ended_by'] === 'revoked'),
    change: (rules) => {
      write(rules);
      child.kill('SIGHUP');
    },
  };
}
