// The folders in which postern looks for the system's programs, whatever PATH its caller has.
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
