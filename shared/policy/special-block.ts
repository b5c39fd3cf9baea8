// The shape of an entry in the tables of special-purpose addresses.
import type { AddressClass } from '../reasons.js';

/** What a block of the static tables is: a class that a rule can name, `special` for the others. */
export type BlockClass = Exclude<AddressClass, 'own' | 'listener'>;

/**
 * A prefix, what its addresses are for, their class, and where that is written. `public` marks an entry that is
 * globally reachable inside one that is not.
 */
export type SpecialBlock = readonly [prefix: string, purpose: string, blockClass: BlockClass, source: string];
