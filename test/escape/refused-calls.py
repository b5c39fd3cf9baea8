# Makes every call that a plugin does not have, with -1 for each argument. With those, the kernel's own answer would differ from the
# filter's. libseccomp knows the numbers.
resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name
CALLS = """
    io_uring_setup io_uring_enter io_uring_register io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents splice tee vmsplice sendfile openat2 clone3 setns
    mount umount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr open_by_handle_at
    ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp add_key request_key keyctl
    bpf perf_event_open userfaultfd lookup_dcookie uselib vhangup
    acct adjtimex clock_adjtime clock_settime create_module delete_module fanotify_init finit_module get_kernel_syms init_module ioperm iopl
    kexec_file_load kexec_load nfsservctl query_module quotactl quotactl_fd reboot setdomainname sethostname settimeofday stime swapoff swapon
    syslog _sysctl sysfs ustat vm86 vm86old
""".split()
ready()
for name in CALLS:
    number = resolve(name.encode())
    if number >= 0:
        NR[name] = number
        result(name, call(name, *[-1] * 6)[1])
    else:
        result(name, "unknown")
# Numbers that no kernel has yet, and numbers from other tables.
for number in (600, 1000, 4096, 0x3FFFFFFF, 0x40000000 | 41, 0x7FFFFFFF):
    NR["strange"] = number
    result(f"strange_{number:x}", call("strange", *[-1] * 6)[1])
