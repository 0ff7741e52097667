"""Money and time for people, exact: whole numbers in, text out, and no float in between."""

SCALE = 1_000_000  # micro-dollars in a dollar


def usd(microusd: int) -> tuple[str, str]:
    """Return dollars and cents, and the four digits below a cent: together the whole amount."""
    sign = "-" if microusd < 0 else ""
    dollars, rest = divmod(abs(microusd), SCALE)
    digits = f"{rest:06}"
    return f"{sign}${dollars:,}.{digits[:2]}", digits[2:]


def money(microusd: int) -> str:
    return "".join(usd(microusd))


def each(microusd: int, many: int) -> int:
    """Return the average in micro-dollars, rounded half up; 0 of nothing."""
    return (2 * microusd + many) // (2 * many) if many else 0


def span(ms: int) -> str:
    """Return minutes, seconds and milliseconds, and hours where there are any: 3:07.250, 1:02:03.004."""
    seconds, ms = divmod(ms, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f"{seconds:02}.{ms:03}"
    return f"{hours:,}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"


def share(part: int, whole: int) -> int:
    """Return how long a bar is, of 1000: never nothing for something."""
    return max(1, part * 1_000 // whole) if part and whole else 0
