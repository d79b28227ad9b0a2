"""Runs a program that the kernel kills when it opens a socket (seccomp). usage: no_socket.py PROGRAM ARGUMENT..."""

import ctypes
import os
import platform
import struct
import sys

ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # what the kernel calls it, and its socket()
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, IS_EQUAL, RETURN = 0x20, 0x15, 0x06
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000

machine, socket = ARCHITECTURES[platform.machine()]
steps = [
    (LOAD, 0, 0, 4),  # the architecture of the call
    (IS_EQUAL, 1, 0, machine),
    (RETURN, 0, 0, KILL_PROCESS),
    (LOAD, 0, 0, 0),  # its number
    (IS_EQUAL, 0, 1, socket),
    (RETURN, 0, 0, KILL_PROCESS),
    (RETURN, 0, 0, ALLOW),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


program = Program(len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
for args in [
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
]:
    if libc.prctl(*args) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv(sys.argv[1], sys.argv[1:])
