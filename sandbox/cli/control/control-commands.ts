// The commands that ask a running postern, in the order of the help text. control-names.ts has their names.
import type { Command } from 'commander';
import { actCommands, reloadCommand } from './act.js';
import { askCommands } from './asks.js';
import { connectionsCommand } from './connections.js';
import { denialsCommand } from './denials.js';
import { logsCommand } from './logs.js';
import { statusCommand } from './status.js';
import { topCommand } from './top.js';

export function controlCommands(): readonly Command[] {
  return [
    statusCommand(),
    topCommand(),
    connectionsCommand(),
    denialsCommand(),
    logsCommand(),
    ...askCommands(),
    reloadCommand(),
    ...actCommands(),
  ];
}
