// Every protection. Each one is left out alone.

import { accountsProtections } from './accounts-protections.js';
import { askProtections } from './ask-protections.js';
import { brokerProtections } from './broker-protections.js';
import { controlProtections } from './control-protections.js';
import { debuggerProtections } from './debugger-protections.js';
import { filterProtections } from './filter-protections.js';
import { folderModeProtections } from './folder-mode-protections.js';
import { hostProtections } from './host-protections.js';
import { launchProtections } from './launch-protections.js';
import { limitProtections } from './limit-protections.js';
import { notifyProtections } from './notify-protections.js';
import type { Protection } from './protection.js';
import { rootProtections } from './root-protections.js';
import { supervisorProtections } from './supervisor-protections.js';
import { trapProtections } from './trap-protections.js';
import { unixOrderProtections } from './unix-order-protections.js';
import { upstreamProtections } from './upstream-protections.js';

export const protections: readonly Protection[] = [
  ...askProtections,
  ...filterProtections(),
  ...hostProtections,
  ...launchProtections,
  ...rootProtections,
  ...limitProtections,
  ...supervisorProtections,
  ...trapProtections,
  ...notifyProtections,
  ...unixOrderProtections,
  ...folderModeProtections,
  ...brokerProtections,
  ...accountsProtections,
  ...debuggerProtections,
  ...upstreamProtections,
  ...controlProtections,
];
