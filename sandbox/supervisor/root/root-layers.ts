// Orders the shown and hidden paths in the plugin's root. Of nested paths the innermost wins. On one path hidden wins over writable,
// and writable over visible. Pure.

import { dirname } from 'node:path';
import type { HostFiles } from '../files/host-files.js';
import { isWithin, moved } from '../files/path-within.js';
import { SYSTEM } from './system-files.js';

/** A path of the host to show or hide. */
export interface Wish {
  readonly path: string;
  /** The option or rule behind it, for messages. */
  readonly because: string;
  readonly kind: 'visible' | 'writable' | 'hidden';
  /** The user named it: it wins over what shows or hides by itself. */
  readonly asked: boolean;
  /** Where postern is root, the plugin sees it as the owner of the path does. */
  readonly asOwner?: boolean;
}

/** One layer: the source that lies at `path` in the plugin's root. */
export interface Layer {
  readonly path: string;
  /** The path on the host, links resolved. */
  readonly source: string;
  readonly because: string;
  readonly kind: Wish['kind'];
  /** As root, the owner whose files the plugin sees as its own; undefined where the ids stay as they are. */
  readonly owner?: string | undefined;
  readonly asked: boolean;
  /** The path of the layer whose owner counts, where it is not this one's own. */
  readonly ownerOf?: string;
}

type Resolved = Wish & { readonly real: string };
const RANK = { visible: 0, writable: 1, hidden: 2 } as const;

/** Finds the wish that hides a path of the host; the path has no links. */
export type HiddenBy = (real: string) => string | undefined;

export interface Layers {
  /** From the outside in: each layer lies upon the one that contains it. */
  readonly layers: readonly Layer[];
  readonly hiddenBy: HiddenBy;
}

/** @param beneath the entries below the layers: the layers hide parts of them too */
export function arrangeLayers(
  wishes: readonly Wish[],
  beneath: readonly { readonly path: string; readonly source: string }[],
  host: HostFiles,
): Layers {
  const resolved = wishes.flatMap((wish) => resolveWish(wish, host));
  const governs = (real: string): Resolved | undefined => innermost(real, resolved);
  const shown = place(
    resolved.filter(({ kind, real }) => kind !== 'hidden' && governs(real)?.kind !== 'hidden'),
    beneath,
    host,
  );
  const trees = [...beneath.map((tree) => ({ ...tree, because: 'the system' })), ...shown];
  const hidden = resolved
    .filter(({ kind, real }) => kind === 'hidden' && governs(real)?.kind === 'hidden')
    .flatMap(({ real, because, asked }) =>
      trees
        .filter(({ source }) => source !== real && isWithin(real, source))
        .map(
          ({ path, source }): Layer => ({
            path: moved(real, source, path),
            source: real,
            because,
            kind: 'hidden',
            asked,
          }),
        ),
    );
  return {
    // protects: G14 what lies in a writable folder shows as the folder's owner sees it => layers: pinned(withoutRepetitions([...shown, ...hidden]))
    // protects: G14 folders above what is hidden within a writable one are pinned (as root) => layers: withoutRepetitions([...shown, ...hidden]).map(withOuterOwner)
    layers: pinned(withoutRepetitions([...shown, ...hidden])).map(withOuterOwner),
    hiddenBy: (real) => {
      const governing = governs(real);
      return governing?.kind === 'hidden' ? governing.because : undefined;
    },
  };
}

/** A hidden file is hidden at every path that leads to it. */
function resolveWish(wish: Wish, host: HostFiles): Resolved[] {
  const real = host.real(wish.path) ?? wish.path;
  const aliases = wish.kind === 'hidden' ? host.aliases(real) : [];
  return [real, ...aliases].map((path) => ({ ...wish, real: path }));
}

/** The wish that decides about a path: the innermost that the user named; without one, the innermost of the others. */
function innermost(real: string, wishes: readonly Resolved[]): Resolved | undefined {
  const holding = wishes
    .filter((wish) => isWithin(real, wish.real))
    .sort((a, b) => a.real.length - b.real.length || RANK[a.kind] - RANK[b.kind]);
  return holding.findLast(({ asked }) => asked) ?? holding.at(-1);
}

/**
 * A wish shows at the path that was named. Where a link on the way shows too, it shows at the target of the link. Nothing is ever
 * attached through a link, which would lead into the host's files.
 */
function place(
  shown: readonly Resolved[],
  beneath: readonly { readonly path: string; readonly source: string }[],
  host: HostFiles,
): Layer[] {
  const placed: Layer[] = [];
  for (const wish of [...shown].sort((a, b) => a.path.length - b.path.length)) {
    const holds = ({ path }: { readonly path: string }): boolean =>
      path !== wish.path && isWithin(wish.path, path);
    const outer = placed.findLast(holds) ?? beneath.findLast(holds);
    const viaLink = SYSTEM.some((path) => isWithin(wish.path, path) && host.kind(path) === 'link');
    let path = wish.path;
    if (viaLink) path = wish.real;
    else if (outer !== undefined) {
      path = isWithin(wish.real, outer.source) ? moved(wish.real, outer.source, outer.path) : wish.real;
    }
    const { real: source, because, kind, asked } = wish;
    const owner = wish.asOwner === true ? host.owner(source) : undefined;
    placed.push({ path, source, because, kind, owner, asked });
  }
  return placed;
}

/**
 * What lies within a writable layer shows as that layer's owner sees it. The plugin could have put another owner's file at a named path, and it must
 * not read more of postern's own files because they are protected.
 */
function withOuterOwner(layer: Layer, _: number, layers: readonly Layer[]): Layer {
  const outer = layers.find(
    ({ kind, path }) => kind === 'writable' && path !== layer.path && isWithin(layer.path, path),
  );
  return outer?.owner === undefined ? layer : { ...layer, owner: outer.owner, ownerOf: outer.path };
}

/**
 * Pins the folders between a writable layer and each layer within it: a mount cannot be renamed or removed in the plugin's namespace. So what
 * the next start finds at a named path is what this one found there.
 */
function pinned(layers: readonly Layer[]): Layer[] {
  const taken = new Set(layers.map(({ path }) => path));
  const pins = layers.flatMap((layer, index) => {
    const outer = layers.slice(0, index).findLast(({ path }) => isWithin(layer.path, path));
    if (outer?.kind !== 'writable') return [];
    return foldersBetween(outer.path, layer.path)
      .filter((path) => !taken.has(path) && taken.add(path))
      .map((path): Layer => ({ ...outer, path, source: moved(path, outer.path, outer.source) }));
  });
  return [...layers, ...pins].sort((a, b) => a.path.length - b.path.length);
}

/** Neither of the two is among them. */
function foldersBetween(outer: string, inner: string): string[] {
  const folders: string[] = [];
  for (let path = dirname(inner); path !== outer; path = dirname(path)) folders.push(path);
  return folders;
}

/**
 * Keeps the last of several on one path, and drops those that the next outer layer shows or hides in the same way. A writable one within another
 * stays: as a mount it is pinned.
 */
function withoutRepetitions(layers: readonly Layer[]): Layer[] {
  const kept: Layer[] = [];
  const sorted = [...layers].sort((a, b) => a.path.length - b.path.length || RANK[a.kind] - RANK[b.kind]);
  for (const layer of sorted) {
    if (kept.at(-1)?.path === layer.path) kept.pop();
    const outer = kept.findLast(({ path }) => isWithin(layer.path, path));
    const isWhole = layer.owner === undefined || layer.owner === outer?.owner;
    const isPinned =
      /* protects: G14 a writable path within another one is pinned => false */ layer.kind === 'writable';
    if (outer === undefined || outer.kind !== layer.kind || !isWhole || isPinned) kept.push(layer);
    else if (layer.asked) kept[kept.indexOf(outer)] = { ...outer, asked: true };
  }
  return kept;
}
