"""The seccomp filter of both architectures, run by a small interpreter of BPF: what it denies, passes and kills.

And what becomes of whoever wants to open files where no walls can be put up.
"""

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.media import isolation
from tests import media_samples

X86, ARM = 0xC000003E, 0xC00000B7
OWN_PID = 4242
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENIED = {code: 0x00050000 | code for code in (errno.EPERM, errno.ENOSYS)}
PROGRAMS = {0: (X86, 0), 1: (ARM, 1)}

# From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h: (x86-64, aarch64).
NEEDED: Mapping[str, tuple[int, int]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "dup": (32, 23),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "exit": (60, 93),
    "fsync": (74, 82),
    "ftruncate": (77, 46),
    "gettid": (186, 178),
    "futex": (202, 98),
    "sched_getaffinity": (204, 123),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "set_robust_list": (273, 99),
    "getrandom": (318, 278),
    "rseq": (334, 293),
    "membarrier": (324, 283),
}
FORBIDDEN: Mapping[str, tuple[int | None, int | None]] = {
    "open": (2, None),
    "openat": (257, 56),
    "openat2": (437, 437),
    "creat": (85, None),
    "stat": (4, None),
    "statx": (332, 291),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "renameat2": (316, 276),
    "mkdirat": (258, 34),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setuid": (105, 146),
    "setresuid": (117, 147),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "reboot": (169, 142),
}
CLONE, CLONE3, TGKILL, FCNTL, PRLIMIT, FSTATAT, IOCTL = (
    (56, 220),
    (435, 435),
    (234, 131),
    (72, 25),
    (302, 261),
    (262, 79),
    (16, 29),
)
THREAD_FLAGS = 0x3D0F00  # what glibc's pthread_create asks for
FORK_FLAGS = 0x01200011  # what glibc's fork asks for: CHILD_SETTID, CHILD_CLEARTID, SIGCHLD


def ruling(column: int, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter of that column's architecture answers to a system call."""
    audit_number, _ = PROGRAMS[column]
    data = struct.pack(
        "=IIQ6Q", number, audit_number if architecture is None else architecture, 0, *(*arguments, *[0] * 6)[:6]
    )
    return run([*isolation.deny_filter(audit_number, column, own_pid=OWN_PID)], data)


def run(program: list[bytes], data: bytes) -> int:
    """Interprets classic BPF, as much of it as filters of ours may use. Jumps only go forward, so it ends."""
    accumulator, at = 0, 0
    while True:
        code, when_true, when_false, value = struct.unpack("=HBBI", program[at])
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += when_true if accumulator == value else when_false
            case 0x35:
                at += when_true if accumulator >= value else when_false
            case 0x45:
                at += when_true if accumulator & value else when_false
            case 0x06:
                return value
            case _:
                raise AssertionError(f"instruction {code:#x}")


both = pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])


@both
def test_what_reaches_out_of_the_process_is_denied(column: int) -> None:
    for name, numbers in FORBIDDEN.items():
        number = numbers[column]
        if number is not None:
            assert ruling(column, number) == DENIED[errno.EPERM], name


@both
def test_every_call_of_the_table_is_denied(column: int) -> None:
    for name, numbers in isolation.DENIED_CALLS.items():
        if numbers[column] >= 0:
            assert ruling(column, numbers[column]) == DENIED[errno.EPERM], name


@both
def test_what_decoders_need_passes(column: int) -> None:
    for name, numbers in NEEDED.items():
        assert ruling(column, numbers[column]) == ALLOW, name


@both
def test_no_call_is_named_twice(column: int) -> None:
    numbers = [both[column] for both in isolation.DENIED_CALLS.values() if both[column] >= 0]

    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & {both[column] for both in NEEDED.values()}


@both
def test_another_architectures_calls_kill(column: int) -> None:
    for architecture in {X86, ARM, 0x40000003, 0} - {PROGRAMS[column][0]}:
        assert ruling(column, NEEDED["read"][column], architecture=architecture) == KILL


def test_the_32_bit_pointer_calls_of_x86_64_kill() -> None:
    assert ruling(0, 0x40000000) == KILL
    assert ruling(0, 0x40000000 | 59) == KILL


@both
def test_threads_start_and_processes_do_not(column: int) -> None:
    assert ruling(column, CLONE[column], THREAD_FLAGS) == ALLOW
    assert ruling(column, CLONE[column], FORK_FLAGS) == DENIED[errno.EPERM]
    assert ruling(column, CLONE[column], 0) == DENIED[errno.EPERM]
    assert ruling(column, CLONE3[column]) == DENIED[errno.ENOSYS], "the C library falls back to clone"


@both
def test_a_process_may_signal_and_limit_nobody_but_itself(column: int) -> None:
    assert ruling(column, TGKILL[column], OWN_PID, OWN_PID, 6) == ALLOW
    assert ruling(column, TGKILL[column], 1, 1, 9) == DENIED[errno.EPERM]
    assert ruling(column, PRLIMIT[column], 0) == ALLOW
    assert ruling(column, PRLIMIT[column], 1) == DENIED[errno.EPERM]
    for set_owner_or_signal in (8, 10, 15):
        assert ruling(column, FCNTL[column], 3, set_owner_or_signal) == DENIED[errno.EPERM]
    assert ruling(column, FCNTL[column], 3, 3) == ALLOW


@both
def test_a_file_is_looked_at_by_descriptor_only(column: int) -> None:
    assert ruling(column, FSTATAT[column], 3, 0, 0, 0x1000) == ALLOW
    assert ruling(column, FSTATAT[column], 3, 0, 0, 0) == DENIED[errno.EPERM]
    assert ruling(column, FSTATAT[column], 3, 0, 0, 0x100) == DENIED[errno.EPERM]


@both
def test_nothing_is_typed_on_a_terminal(column: int) -> None:
    assert ruling(column, IOCTL[column], 0, 0x5412) == DENIED[errno.EPERM]
    assert ruling(column, IOCTL[column], 0, 0x5401) == ALLOW


@both
def test_calls_newer_than_the_table_do_not_exist(column: int) -> None:
    for number in (454, 467, 600):
        assert ruling(column, number) == DENIED[errno.ENOSYS]


@both
def test_the_filter_is_within_the_kernels_size(column: int) -> None:
    program = [*isolation.deny_filter(*PROGRAMS[column], own_pid=OWN_PID)]

    assert len(program) <= 4096
    assert {len(step) for step in program} == {8}


@pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
@pytest.mark.parametrize(
    ("accepted", "exit_code", "said"),
    [
        ({}, 2, "neither Landlock nor seccomp"),
        ({"RUSHES__MEDIA__REQUIRE_ISOLATION": "false"}, 0, "can be used as it is"),
    ],
    ids=["refused", "accepted by the operator"],
)
def test_without_walls_no_file_is_opened_unless_the_operator_accepts_it(
    tmp_path: Path, accepted: Mapping[str, str], exit_code: int, said: str
) -> None:
    """The same for the bot's start: `tests/e2e/test_start_and_stop.py`."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.without_walls", "bot", "probe", media_samples.write(tmp_path, "hero.png")],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **accepted},
    )

    assert told.returncode == exit_code, told.stderr
    assert said in told.stdout + told.stderr
    assert "Traceback" not in told.stderr
