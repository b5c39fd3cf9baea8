// The form of an entry in the tables of special-purpose addresses.
import type { AddressClass } from '../reasons.js';

/** The class of a block in the tables: one that a rule can name, or `special`. */
export type BlockClass = Exclude<AddressClass, 'own' | 'listener'>;

/**
 * A prefix, the purpose of its addresses, their class, and the source. `public` marks an entry that is globally reachable inside one that
 * is not.
 */
export type SpecialBlock = readonly [prefix: string, purpose: string, blockClass: BlockClass, source: string];
