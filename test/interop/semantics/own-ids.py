# Sets ids that the program has, that it has not, and -1, by each call, on a file of its own in the working directory.
import errno
import os

OWN = {"uid": os.getuid(), "gid": os.getgid()}
CHOICES = ("own", "another", "-1")


def value(choice, kind):
    return {"own": OWN[kind], "another": 12345, "-1": -1}[choice]


def line(name, choices, kinds, call):
    try:
        call(*(value(*pair) for pair in zip(choices, kinds)))
        result = "ok"
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(f"{name} {' '.join(choices)}: {result}")


with open("file", "w") as file:
    folder = os.open(".", os.O_RDONLY)
    for user in CHOICES:
        for group in CHOICES:
            both, kinds = (user, group), ("uid", "gid")
            line("chown", both, kinds, lambda *ids: os.chown("file", *ids))
            line("lchown", both, kinds, lambda *ids: os.lchown("file", *ids))
            line("fchown", both, kinds, lambda *ids: os.fchown(file.fileno(), *ids))
            line("fchownat", both, kinds, lambda *ids: os.chown("file", *ids, dir_fd=folder))
            line("setreuid", both, ("uid", "uid"), os.setreuid)
            line("setregid", both, ("gid", "gid"), os.setregid)
            for third in CHOICES:
                line("setresuid", (*both, third), ["uid"] * 3, os.setresuid)
                line("setresgid", (*both, third), ["gid"] * 3, os.setresgid)
    for choice in CHOICES[:2]:
        line("setuid", (choice,), ("uid",), os.setuid)
        line("setgid", (choice,), ("gid",), os.setgid)
os.unlink("file")
