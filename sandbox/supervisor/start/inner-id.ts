/** The uid and gid of a plugin inside its sandbox, where root starts postern. */
export const INNER_ID = 1000;
