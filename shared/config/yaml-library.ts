// The package yaml, as a program of its own. Most runs of a program read no YAML, and do not load it.
export * from 'yaml';
