"""The one error of the simulator."""


class Refused(Exception):
    """What was asked for cannot be simulated. The text is for the person at the terminal."""
