"""The walls around a media child: resource limits, no root, no new privileges, Landlock, and a seccomp filter.

All of it works without privileges and without a library: raw system calls through ctypes (the kernel's uapi headers and
`man 2 landlock_create_ruleset`, `man 2 seccomp` are the source of every number). Where a layer does not exist, it is
left out and not listed: whoever started the child decides what is enough.

Order matters. Files are open, modules imported and codecs warmed up before; afterwards nothing can be opened by name.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from bot.media.protocol import LANDLOCK, SECCOMP, LimitSpec

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_MAX_DESCRIPTORS: Final = 64
NOBODY: Final = 65_534
"""The user and group that own nothing, on every Linux."""

_NOBODYS_TASKS: Final = 512
"""Threads that nobody may have on the whole machine; eight children with an encoder each need about 200."""

_DIE_FIRST: Final = b"1000"


def die_with(parent: int) -> None:
    """Ends this process when its parent ends (Linux). Checks that the parent did not end before it was asked."""
    if sys.platform != "linux":
        return
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def die_first() -> None:
    """Where the whole machine runs out of memory, the kernel should choose the child that uses it, not the bot."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_bytes(_DIE_FIRST)


def keep_memory_private() -> None:
    """No process of the same user may look into this one's memory, environment or descriptors."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_resources(limits: LimitSpec) -> None:
    """Address space, CPU seconds, size of written files, descriptors; no core dumps."""
    _limit(resource.RLIMIT_AS, limits["memory_bytes"])
    _limit(resource.RLIMIT_CPU, limits["cpu_seconds"], grace=2)  # SIGXCPU first, which tells the parent why
    _limit(resource.RLIMIT_FSIZE, limits["output_bytes"])
    _limit(resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS)
    _limit(resource.RLIMIT_CORE, 0)


def isolate() -> tuple[str, ...]:
    """Puts up what the kernel offers and answers the names of the layers that stand."""
    if sys.platform != "linux":
        return ()
    libc = _libc()
    _leave_root(libc)
    keep_memory_private()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return ()
    layers: tuple[tuple[str, Callable[[ctypes.CDLL], bool]], ...] = ((LANDLOCK, _landlock), (SECCOMP, _seccomp))
    return tuple(name for name, put_up in layers if put_up(libc))


def _leave_root(libc: ctypes.CDLL) -> None:
    """Root becomes nobody, with all its capabilities gone; another user stays who it is.

    A root that may not (a container without CAP_SETUID) stays root; the self-test says so. The number of tasks is
    limited for nobody alone: the kernel counts them by user, and anybody else may have any number of them already.
    """
    if os.geteuid() != 0:
        return
    with suppress(PermissionError):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        _limit(resource.RLIMIT_NPROC, _NOBODYS_TASKS)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a change of user clears it


def _limit(what: int, value: int, *, grace: int = 0) -> None:
    """Sets a soft and a hard limit, never above the hard limit that already holds."""
    hard = resource.getrlimit(what)[1]
    ceiling = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
    resource.setrlimit(what, (min(value, ceiling), ceiling))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


# --- Landlock ---------------------------------------------------------------------------------------------------------

_LANDLOCK_CREATE_RULESET, _LANDLOCK_RESTRICT_SELF = 444, 446  # the same numbers on every architecture
_LANDLOCK_VERSION_FLAG = 1
_FS_RIGHTS_BY_ABI: Final = ((1, 13), (2, 14), (3, 15), (5, 16))  # from that ABI on, so many rights (low bits) are known
_NET_FROM_ABI, _NET_RIGHTS = 4, 0b11  # bind and connect TCP
_SCOPE_FROM_ABI, _SCOPES = 6, 0b11  # abstract Unix sockets, signals


def _landlock(libc: ctypes.CDLL) -> bool:
    """Denies every right that this kernel's Landlock knows: a ruleset that handles all and allows none."""
    abi = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION_FLAG)
    if abi < 1:
        return False
    rights = max(count for since, count in _FS_RIGHTS_BY_ABI if since <= abi)
    fields = [(1 << rights) - 1]
    if abi >= _NET_FROM_ABI:
        fields.append(_NET_RIGHTS)
    if abi >= _SCOPE_FROM_ABI:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    restricted = libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return restricted


# --- seccomp ----------------------------------------------------------------------------------------------------------

_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD: Final = 0x00010000
_AT_EMPTY_PATH: Final = 0x1000
_OWNER_COMMANDS: Final = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
_TIOCSTI: Final = 0x5412
_RET_ALLOW, _RET_ERRNO, _RET_KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_SET_MODE_FILTER, _FLAG_TSYNC = 1, 1
_X32_BIT: Final = 0x40000000
_NEVER: Final = -1  # a call that this architecture does not have

# Name: (x86-64, aarch64). Opening, naming and listing files; sockets; processes and signals; memory of others; kernel.
DENIED_CALLS: Final[Mapping[str, tuple[int, int]]] = {
    "open": (2, _NEVER),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, _NEVER),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "stat": (4, _NEVER),
    "lstat": (6, _NEVER),
    "access": (21, _NEVER),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, _NEVER),
    "readlinkat": (267, 78),
    "getdents": (78, _NEVER),
    "getdents64": (217, 61),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "chroot": (161, 51),
    "truncate": (76, 45),
    "rename": (82, _NEVER),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, _NEVER),
    "mkdirat": (258, 34),
    "rmdir": (84, _NEVER),
    "link": (86, _NEVER),
    "linkat": (265, 37),
    "unlink": (87, _NEVER),
    "unlinkat": (263, 35),
    "symlink": (88, _NEVER),
    "symlinkat": (266, 36),
    "mknod": (133, _NEVER),
    "mknodat": (259, 33),
    "chmod": (90, _NEVER),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, _NEVER),
    "fchown": (93, 55),
    "lchown": (94, _NEVER),
    "fchownat": (260, 54),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "inotify_init": (253, _NEVER),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "statx": (332, 291),
    "utime": (132, _NEVER),
    "utimes": (235, _NEVER),
    "futimesat": (261, _NEVER),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "uselib": (134, _NEVER),
    "mount_setattr": (442, 442),
    "fsconfig": (431, 431),
    "fspick": (433, 433),
    "inotify_add_watch": (254, 27),
    "fanotify_mark": (301, 263),
    "memfd_secret": (447, 447),
    "memfd_create": (319, 279),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
    "fork": (57, _NEVER),
    "vfork": (58, _NEVER),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "process_mrelease": (448, 448),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "setfsuid": (122, 151),
    "setfsgid": (123, 152),
    "capset": (126, 91),
    "unshare": (272, 97),
    "setns": (308, 268),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, _NEVER),
    "ioperm": (173, _NEVER),
    "modify_ldt": (154, _NEVER),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "personality": (135, 92),
    "vhangup": (153, 58),
}
_CLONE3: Final = (435, 435)
_SECCOMP_CALL: Final = (317, 277)
_FIRST_UNKNOWN: Final = 454
"""Calls from this number on (Linux 6.7) are newer than this table, and no decoder needs them."""

_ARCHITECTURES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "arm64": (0xC00000B7, 1)}


class _Rule(NamedTuple):
    """A call that one of its arguments decides about: the lower 32 bits are what the kernel looks at, too.

    `jump` compares with `value`; the call passes when that holds, or, if `denies`, when it does not.
    """

    name: str
    numbers: tuple[int, int]
    argument: int
    jump: int
    value: int
    denies: bool = False


def _rules(own_pid: int) -> tuple[_Rule, ...]:
    """What passes with some arguments only.

    `clone` starts a thread (codecs do) and never a process, which is how glibc forks. `tgkill` is how a process aborts
    itself. `newfstatat` without a path is `fstat`. A descriptor's owner or signal would be a way around `kill`, and
    TIOCSTI a way to type on somebody's terminal.
    """
    return (
        _Rule("clone", (56, 220), 0, _JUMP_ANY_BIT, _CLONE_THREAD),
        _Rule("tgkill", (234, 131), 0, _JUMP_EQUAL, own_pid),
        _Rule("prlimit64", (302, 261), 0, _JUMP_EQUAL, 0),
        _Rule("newfstatat", (262, 79), 3, _JUMP_ANY_BIT, _AT_EMPTY_PATH),
        *(_Rule("fcntl", (72, 25), 1, _JUMP_EQUAL, command, denies=True) for command in _OWNER_COMMANDS),
        _Rule("ioctl", (16, 29), 1, _JUMP_EQUAL, _TIOCSTI, denies=True),
    )


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp(libc: ctypes.CDLL) -> bool:
    """Loads the deny filter for all threads."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    audit_number, column = known
    code = b"".join(deny_filter(audit_number, column, own_pid=os.getpid()))
    program = _Program(len(code) // 8, code)
    loaded = libc.syscall(_SECCOMP_CALL[column], _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.byref(program))
    return loaded == 0


def deny_filter(audit_number: int, column: int, *, own_pid: int) -> Iterator[bytes]:
    """The BPF program: another architecture's calls kill, the denied calls fail, everything else passes.

    `clone3`, whose flags lie in memory that a filter cannot read, "does not exist": glibc falls back to `clone`.
    """
    yield _step(_LOAD, _AT_ARCHITECTURE)
    yield _step(_JUMP_EQUAL, audit_number, skip_if_true=1)
    yield _step(_RETURN, _RET_KILL_PROCESS)
    yield _step(_LOAD, _AT_NUMBER)
    if column == 0:
        yield _step(_JUMP_AT_LEAST, _X32_BIT, skip_if_false=1)
        yield _step(_RETURN, _RET_KILL_PROCESS)
    yield _step(_JUMP_AT_LEAST, _FIRST_UNKNOWN, skip_if_false=1)
    yield _step(_RETURN, _RET_ERRNO | _ENOSYS)
    yield _step(_JUMP_EQUAL, _CLONE3[column], skip_if_false=1)
    yield _step(_RETURN, _RET_ERRNO | _ENOSYS)
    for numbers in DENIED_CALLS.values():
        if numbers[column] != _NEVER:
            yield _step(_JUMP_EQUAL, numbers[column], skip_if_false=1)
            yield _step(_RETURN, _RET_ERRNO | _EPERM)
    for rule in _rules(own_pid):
        yield from _steps(rule, column)
    yield _step(_RETURN, _RET_ALLOW)


def _steps(rule: _Rule, column: int) -> Iterator[bytes]:
    """Goes on after these steps, with the call's number loaded, unless the rule forbids this call."""
    yield _step(_JUMP_EQUAL, rule.numbers[column], skip_if_false=4)
    yield _step(_LOAD, _AT_FIRST_ARGUMENT + 8 * rule.argument)
    yield _step(rule.jump, rule.value, skip_if_true=int(not rule.denies), skip_if_false=int(rule.denies))
    yield _step(_RETURN, _RET_ERRNO | _EPERM)
    yield _step(_LOAD, _AT_NUMBER)


def _step(code: int, value: int, *, skip_if_true: int = 0, skip_if_false: int = 0) -> bytes:
    """One BPF instruction (`struct sock_filter`)."""
    return struct.pack("=HBBI", code, skip_if_true, skip_if_false, value)
