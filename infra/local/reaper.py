"""Ends the process groups of containers when the plane is gone, however it went.

Run by path in a process of its own: each line on stdin is `+PID`, `-PID` or `=FOLDER`. At the end of stdin every group
that is still there is killed, and the folder of sockets is removed. The pipe closes when the plane dies, even by
SIGKILL, and unlike Linux's parent-death signal this also works elsewhere, and for what a container started itself.
"""

import os
import shutil
import signal
import sys


def main() -> None:
    """Read until the plane is gone."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    groups: set[int] = set()
    folder = ""
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        elif line.startswith("="):
            folder = line[1:].rstrip("\n")
        else:
            groups.discard(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
