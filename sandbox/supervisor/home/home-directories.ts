// Home directories of this host: none of them, and nothing above one, is shown to a plugin unless it is asked for by name.
import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';

const FIRST_PERSON = 1000;
const NOBODY = 65_534;

/** Of whoever starts postern: as its environment says, and as the system does. */
export function ownHomes(): readonly string[] {
  const homes = [homedir()];
  try {
    homes.push(userInfo().homedir);
  } catch {
    // A uid without a name.
  }
  return [...new Set(homes)];
}

/** Root's and each person's, from the text of passwd(5); programs' own users have none that holds anything of a person's. */
export function homesOf(passwd: string): readonly string[] {
  return passwd.split('\n').flatMap((line) => {
    const [, , id, , , home] = line.split(':');
    const uid = Number(id);
    const isPerson = uid === 0 || (uid >= FIRST_PERSON && uid < NOBODY);
    return isPerson && home?.startsWith('/') === true && home !== '/' ? [home] : [];
  });
}

export function allHomes(): readonly string[] {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container without one: what the environment says is all there is.
  }
  return [...new Set(['/root', ...ownHomes(), ...homesOf(passwd)])];
}
