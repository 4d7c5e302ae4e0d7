"""Run commands of genzoo, each in a process that has imported torch and nothing else.

A line of the input has the words of a command, its folder and the file for its output as JSON; what is printed for it
is its exit code, or minus the number of the signal that ended it.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import torch  # noqa: F401

SECONDS = 300
"""A command may take this long."""

for line in sys.stdin:
    words, folder, output = json.loads(line)
    if (child := os.fork()) == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
signal.alarm(SECONDS)
os.chdir(folder)
for path, streams in ((os.devnull, [0]), (output, [1, 2])):
    for stream in streams:
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)

from genzoo.cli.main import main  # noqa: E402

sys.exit(main(words))
