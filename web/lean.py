"""Litestar without what it finds installed and brings along unasked."""

from litestar import Litestar
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin


class Lean(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Not those for pydantic and attrs, which no route here speaks: that is 7 MB and 0.2 s of CPU at a start."""
        return [*plugins, MsgspecDIPlugin()]
