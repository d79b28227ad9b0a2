"""Runs a program on a terminal of its own, types, and prints what the terminal shows.

usage: terminal.py PROMPT PROGRAM ARGUMENT... : when PROMPT shows, a line of standard input is typed, once for each line.
"""

import os
import pty
import sys

prompt, program = sys.argv[1].encode(), sys.argv[2:]
lines = sys.stdin.buffer.read().splitlines(keepends=True)
child, terminal = pty.fork()
if child == 0:
    os.execv(program[0], program)
shown, seen = b"", 0
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # Linux says so when the other side is closed
        break
    if not data:
        break
    shown += data
    while lines and (at := shown.find(prompt, seen)) >= 0:
        seen = at + len(prompt)
        os.write(terminal, lines.pop(0))
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
