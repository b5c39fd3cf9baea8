// Where the system's own programs are looked for, whatever PATH the caller has.
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
