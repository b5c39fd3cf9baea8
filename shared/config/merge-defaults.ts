// Merges the keys of a plugin with those of `defaults`: lists are joined, maps merged key by key, single values replaced. Pure.
import type { DefaultKeys, PluginKeys } from './config-file.js';
import { limitsOf } from './limit-forms.js';
import { mergeVia } from './merge-via.js';
import { DEFAULT_READY_S, type PluginConfig, plainPlugin } from './plugin-config.js';

/**
 * Everything of a plugin except its rules, which may be in other files too.
 *
 * @param placeOf `FILE:LINE` of a listener by its index
 */
export function mergeDefaults(
  name: string,
  plugin: PluginKeys,
  defaults: DefaultKeys,
  absolute: (path: string) => string,
  placeOf: (listener: number) => string,
): Omit<PluginConfig, 'allow' | 'deny'> {
  const plain = plainPlugin(name, plugin.command);
  const stop = { ...defaults.stop, ...plugin.stop };
  const restart = { ...defaults.restart, ...plugin.restart };
  const filesystem = (list: 'visible' | 'writable' | 'hidden'): readonly string[] =>
    [...(defaults.filesystem?.[list] ?? []), ...(plugin.filesystem?.[list] ?? [])].map(absolute);
  const calls = (list: 'allow' | 'unsafe_allow'): readonly string[] => [
    ...(defaults.seccomp?.[list] ?? []),
    ...(plugin.seccomp?.[list] ?? []),
  ];
  return {
    name,
    command: plugin.command,
    env: { ...defaults.env, ...plugin.env },
    cwd: absolute(plugin.cwd ?? defaults.cwd ?? '.'),
    mode: plugin.mode ?? defaults.mode ?? plain.mode,
    unknown: plugin.unknown ?? defaults.unknown ?? plain.unknown,
    egress: plugin.egress ?? defaults.egress ?? plain.egress,
    visible: filesystem('visible'),
    writable: filesystem('writable'),
    hidden: filesystem('hidden'),
    home: plugin.home === undefined ? undefined : absolute(plugin.home),
    listen: (plugin.listen ?? []).map(({ name: listener, address }, index) => ({
      name: listener,
      address: address.includes('/') ? absolute(address) : address,
      place: placeOf(index),
    })),
    kind: plugin.kind ?? plain.kind,
    ready: readyOf(plugin.ready),
    stop: { signal: stop.signal ?? plain.stop.signal, graceMs: stop.grace_ms ?? plain.stop.graceMs },
    restart: {
      policy: restart.policy ?? plain.restart.policy,
      delayMs: restart.delay_ms ?? plain.restart.delayMs,
      maxDelayMs: restart.max_delay_ms ?? plain.restart.maxDelayMs,
      resetAfterMs: restart.reset_after_ms ?? plain.restart.resetAfterMs,
    },
    via: mergeVia(plugin.via, defaults.via, absolute),
    limits: limitsOf({ ...defaults.limits, ...plugin.limits }),
    addedCalls: [...new Set([...calls('allow'), ...calls('unsafe_allow')])],
  };
}

function readyOf(ready: PluginKeys['ready']): PluginConfig['ready'] {
  if (ready === undefined) return undefined;
  const timeoutS = ready.timeout_s ?? DEFAULT_READY_S;
  if (ready.notify === true) return { by: 'notify', timeoutS };
  return ready.listener === undefined
    ? { by: 'after', milliseconds: ready.after_ms ?? 0 }
    : { by: 'listener', name: ready.listener, timeoutS };
}
