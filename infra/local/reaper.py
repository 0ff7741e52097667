"""Ends the process groups of containers when the plane is gone, however it went.

Run by path in a process of its own: each line on stdin is `+PID` or `-PID`; at the end of stdin every group that is
still there is killed. The pipe closes when the plane dies, even by SIGKILL, and unlike Linux's parent-death signal
this also works elsewhere, and for what a container started itself.
"""

import os
import signal
import sys


def main() -> None:
    """Read until the plane is gone."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main()
