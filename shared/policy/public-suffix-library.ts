// The package tldts, as a program of its own. Only wildcards need it: most runs of a program do not.
export { parse } from 'tldts';
