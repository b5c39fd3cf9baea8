// What a traced build adds to a module stands between two marks, so that it can be taken away again: tests quote and change compiled modules.

/** The one module that a traced build has and an ordinary one has not, below dist. */
export const COUNTERS = 'shared/traced-counters';

const ADDED = /\/\*traced\*\/.*?\/\*\.\*\//gs;

export const added = (text: string): string => `/*traced*/${text}/*.*/`;

/** The text of a compiled module without what a traced build added. */
export const untraced = (text: string): string => text.replace(ADDED, '');
