// Explains why the text after the colon of a rule is no port.

/** Why a text is no rule, as the end of a sentence that quotes it, and the rule that was probably meant. */
export type Finding = readonly [why: string, suggestion?: string | undefined];

/**
 * Says what is wrong with a rule's ports.
 *
 * @param subject the valid text before the colon
 * @param port the text after it
 */
export function diagnosePort(subject: string, port: string): Finding {
  if (port === '') return ['has no port after its colon', subject];
  const reversed = /^([1-9]\d*)-([1-9]\d*)$/.exec(port);
  if (reversed && Number(reversed[1]) > Number(reversed[2])) {
    return [`has the port range "${port}" the wrong way round`, `${subject}:${reversed[2]}-${reversed[1]}`];
  }
  const items = port.split(',').filter((item) => item !== '');
  const plain = items.map((item) => item.replace(/^0+(?=\d)/, '')).join(',');
  const suggestion = plain === port ? subject : `${subject}:${plain}`;
  return ['has a bad port: ports are "*", or numbers from 1 to 65535 and ranges of them', suggestion];
}
