"""Other programs' processes, which may end between any two looks at them."""

import psutil


def lives(pid: int) -> bool:
    """A process that has ended but that nobody has asked about yet (a zombie) has ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
