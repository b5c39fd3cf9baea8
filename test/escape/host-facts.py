# Prepares a host before it starts postern: an NIS domain, and keys in the keyrings of the session and the user. Network file systems
# leave such keys. Arguments: which of the two to prepare, and the program to become.
import ctypes
import os
import sys

JOIN_SESSION_KEYRING, SESSION_KEYRING, USER_KEYRING = 1, -3, -4
ADD_KEY, KEYCTL = (248, 250) if os.uname().machine == "x86_64" else (217, 219)
NAME = b"secret.example"
libc = ctypes.CDLL(None)
if sys.argv[1] == "domain":
    libc.setdomainname(NAME, len(NAME))
else:
    libc.syscall(KEYCTL, JOIN_SESSION_KEYRING, None)
    for ring in (SESSION_KEYRING, USER_KEYRING):
        libc.syscall(ADD_KEY, b"user", b"cifs:a:192.0.2.7", b"x", 1, ring)
os.execvp(sys.argv[2], sys.argv[2:])
