"""System calls that Python does not offer, made through ctypes: clone into namespaces, capabilities, seccomp.

Runs inside the sandbox. Numbers are those of Linux on x86-64 and AArch64; on other machines `SUPPORTED` is false.
"""

import ctypes
import os
import signal
import struct

_MACHINE = os.uname().machine
SUPPORTED = _MACHINE in ("x86_64", "aarch64")
_COLUMN = 1 if _MACHINE == "aarch64" else 0
_AUDIT_ARCH = (0xC000003E, 0xC00000B7)

CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWIPC = 0x08000000
_CLONE = (56, 220)
_SOCKET = (41, 198)
# These succeed and do nothing. A program stays on its worker's processors, has one session's share of them, and cannot
# make its own end slow by a low priority or by writing out the machine's files; files that sandboxes share, such as
# /dev/null and the libraries, cannot be locked or watched.
_IDLE = {
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "setsid": (112, 157),
    "flock": (73, 32),
    "sync": (162, 81),
    "syncfs": (306, 267),
}
_IDLE_BY_ARGUMENT = {
    "fcntl": ((72, 25), 24, (6, 7, 37, 38, 1024, 1026)),  # SETLK, SETLKW, OFD_SETLK, OFD_SETLKW, SETLEASE, NOTIFY
    "prctl": ((157, 167), 16, (62,)),  # SCHED_CORE: a core of its own, whose sibling stands idle
}
"""Numbers, the argument's offset in the filter's data, the values at which the call does nothing."""
_CLONE3 = 435

# Refused with EPERM. What they could do: start other programs, look into other processes, leave objects behind that
# outlive a process (System V and POSIX queues, keys), use memory that no limit counts (memfd), or reach rarely
# audited parts of the kernel.
_REFUSED = {
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
}
# VSOCK reaches the hypervisor and NETLINK, ALG, ... the kernel; what MPTCP and SCTP leave behind is counted nowhere.
_UNIX, _INET, _INET6 = 1, 2, 10
_PROTOCOLS = (0, 6, 17)  # the type's own, TCP, UDP

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38

_M_ARENA_MAX = -8

# PyDLL, so that the interpreter's lock is held over the calls: a cloned child must find it held by itself.
_libc = ctypes.PyDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def clone(flags):
    """Fork into new namespaces; 0 in the child. Skips Python's at-fork hooks, which would cost more than the fork.

    Only for a process with one thread that holds no lock.
    """
    return _check(_libc.syscall(_CLONE[_COLUMN], int(signal.SIGCHLD) | flags, 0, 0, 0, 0), "clone")


def set_dumpable(dumpable):
    """A process that is not dumpable cannot be traced, and its /proc entries belong to root."""
    _check(_libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def die_with_parent():
    """Be killed when the parent dies. A change of user or group id clears this; call it after."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def share_arenas():
    """Let threads share two of malloc's arenas: each of them takes 64 MiB of address space, which the limit counts."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 2)


def flush_c_streams():
    """Write what C code has printed and libc still holds."""
    _libc.fflush(None)


def drop_capabilities():
    """Give up every capability in the permitted, effective and inheritable sets of this process."""
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, bytes(24)), "capset")


def install_seccomp():
    """Refuse `_REFUSED` from here on, for this process and all that it forks."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")
    program = ctypes.create_string_buffer(_seccomp_filter())
    length = len(program.raw) // 8
    fprog = struct.pack("HxxxxxxP", length, ctypes.addressof(program))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, fprog, 0, 0), "prctl(PR_SET_SECCOMP)")


def _seccomp_filter():
    """The filter as classic BPF: load the number, compare, return. Offsets: nr 0, arch 4, arguments 16, 24, 32."""
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, nothing, eperm, enosys, eafnosupport = 0x7FFF0000, 0x50000, 0x50000 | 1, 0x50000 | 38, 0x50000 | 97
    lines = [(load, 0, 0, 4), (equal, 1, 0, _AUDIT_ARCH[_COLUMN]), (give, 0, 0, eperm), (load, 0, 0, 0)]
    lines += [(at_least, 0, 1, 0x40000000), (give, 0, 0, enosys)]  # the x32 numbers of x86-64
    for numbers in _REFUSED.values():
        lines += [(equal, 0, 1, numbers[_COLUMN]), (give, 0, 0, eperm)]
    for numbers in _IDLE.values():
        lines += [(equal, 0, 1, numbers[_COLUMN]), (give, 0, 0, nothing)]
    for numbers, offset, values in _IDLE_BY_ARGUMENT.values():
        count = len(values)
        lines += [(equal, 0, count + 3, numbers[_COLUMN]), (load, 0, 0, offset)]
        lines += [(equal, count - i, 0, value) for i, value in enumerate(values)]
        lines += [(give, 0, 0, allow), (give, 0, 0, nothing)]
    lines += [(equal, 0, 1, _CLONE3), (give, 0, 0, enosys)]  # its flags lie in memory; libc falls back to clone
    lines += [(equal, 0, 4, _CLONE[_COLUMN]), (load, 0, 0, 16), (any_bit, 0, 1, CLONE_NEWUSER), (give, 0, 0, eperm)]
    lines += [(give, 0, 0, allow)]
    count = len(_PROTOCOLS)
    lines += [(equal, 0, count + 6, _SOCKET[_COLUMN]), (load, 0, 0, 16)]
    lines += [(equal, count + 4, 0, _UNIX), (equal, 1, 0, _INET), (equal, 0, count + 1, _INET6), (load, 0, 0, 32)]
    lines += [(equal, count - i, 0, protocol) for i, protocol in enumerate(_PROTOCOLS)]
    lines += [(give, 0, 0, eafnosupport), (give, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
