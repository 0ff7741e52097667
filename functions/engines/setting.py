"""Settings of engines: a deployed function reads them from its environment, so a mistake shows only at a start."""

from domain.errors import Unavailable


class BadSetting(Unavailable):
    """The engine cannot start as it is set. The text is for whoever reads the container's log."""

    def __init__(self, name: str, value: object, problem: str) -> None:
        super().__init__("setting_bad", setting=name, problem=problem)
        self._words = f"{name}={value!s:.80}: {problem}"

    def __str__(self) -> str:
        return self._words
