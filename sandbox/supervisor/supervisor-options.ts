// What a supervisor is started with. Runs in the supervisor.
import type { AuditFormat, WhenFull } from '../../shared/config/config-file.js';
import type { ExportConfig } from '../../shared/config/export-config.js';
import type { HookCommand } from '../../shared/config/hook-command.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { UiConfig } from '../../shared/config/ui-address.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { ExitCause } from '../../shared/words.js';
import type { OnAsk } from './approval/run-hook.js';
import type { HeldListeners } from './listeners/held-listeners.js';
import type { PluginEnd } from './start/sandbox.js';
import type { Unseen } from './unseen/unseen-files.js';

export interface SupervisorOptions {
  readonly plugins: readonly PluginConfig[];
  /** There is one plugin, and never another: its broker guards no neighbour. */
  readonly alone?: boolean | undefined;
  /** HOST:PORT; without it, no listener. */
  readonly metrics?: string | undefined;
  /** `stderr`, `stdout` or a path; without it, no audit log. */
  readonly audit?: string | undefined;
  /** The form of its lines. Missing: postern's own. */
  readonly auditFormat?: AuditFormat | undefined;
  /** What happens while the audit log takes no events. Missing: `drop`. */
  readonly auditWhenFull?: WhenFull | undefined;
  /** How long a question about an unknown destination waits for its answer (`unknown: ask`), in milliseconds. Missing: a minute. */
  readonly askMs?: number | undefined;
  /** Answers such questions. A control client and a terminal may answer them too; the first answer wins. */
  readonly onAsk?: OnAsk | undefined;
  /** The file into which an approval as a rule is written. Missing: there is none. */
  readonly ruleFile?: string | undefined;
  /** Says why a plugin may not have the rules of this configuration, with one rule added by an approval or an operator. Missing: it may have any. */
  readonly beyondPolicy?: ((next: PluginConfig) => string | undefined) | undefined;
  /** A program that answers them. */
  readonly askHook?: HookCommand | undefined;
  readonly dnsServers?: readonly string[] | undefined;
  /** Takes each audit event. */
  readonly onEvent?: ((event: AuditEvent) => void) | undefined;
  /** False: without an audit log, `onEvent` gets no event of a connect that was made, and none of its end. Missing: it gets all. */
  readonly readsAll?: boolean | undefined;
  /** Takes messages for the operator, as that a broker died. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Takes the files of the host that a failed plugin may have missed; once for each plugin. */
  readonly onUnseen?: ((plugin: string, unseen: Unseen) => void) | undefined;
  /** Takes the end of each run of a plugin. */
  readonly onEnd?: ((plugin: string, end: PluginEnd, cause: ExitCause) => void) | undefined;
  /** Takes what the broker writes on stderr, line by line. Missing: it goes to this process's stderr. */
  readonly onBrokerWords?: ((text: string) => void) | undefined;
  /** Files that postern has read, as its configuration: no plugin writes them. */
  readonly ownFiles?: readonly string[] | undefined;
  /** Listening sockets that a service manager holds. */
  readonly heldListeners?: HeldListeners | undefined;
  /** Where the live page is served, if it is: no plugin sees its socket. */
  readonly ui?: UiConfig | undefined;
  /** Where audit events and metrics go besides. */
  readonly export?: ExportConfig | undefined;
  /** The path of the control socket, if there is one: no plugin sees or reaches it. */
  readonly control?: string | undefined;
}
