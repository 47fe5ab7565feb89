"""Runs a module as on a kernel that has neither Landlock nor seccomp filters: `python -m tests.without_walls bot …`.

A filter over the whole process denies the calls that would put them up.
"""

import ctypes
import runpy
import struct
import sys
from typing import Final

_DENIED: Final = (317, 277, 444, 446)
"""seccomp on x86-64 and on aarch64 (which no program of ours uses for anything else), and Landlock's."""

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _step(code: int, value: int, *, skip_if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, 0, skip_if_false, value)


def main() -> None:
    """Denies, then runs the module that is named first with the other arguments."""
    code = _step(0x20, 0)
    for number in _DENIED:
        code += _step(0x15, number, skip_if_false=1) + _step(0x06, 0x00050001)
    code += _step(0x06, 0x7FFF0000)
    libc, program = ctypes.CDLL(None), _Program(len(code) // 8, code)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        raise OSError("no filter")
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
