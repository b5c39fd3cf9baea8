// RFC 6761 section 6.3: names that mean this host, whatever a resolver says.

/** Whether a canonical name is `localhost` or below it. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}
