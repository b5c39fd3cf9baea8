// Lists the home directories of this host. A plugin sees none of them, and no folder above one, unless the user names it.
import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';

const FIRST_PERSON = 1000;
const NOBODY = 65_534;

/** The home directories of the user who starts postern: by its environment, and by the system. */
export function ownHomes(): readonly string[] {
  const homes = [homedir()];
  try {
    homes.push(userInfo().homedir);
  } catch {
    // The uid has no name.
  }
  return [...new Set(homes)];
}

/** The homes of root and of each person, from the text of passwd(5). The users of programs have no personal files. */
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
    // A container may have no passwd file: then the environment alone counts.
  }
  return [...new Set(['/root', ...ownHomes(), ...homesOf(passwd)])];
}
