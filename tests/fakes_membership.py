"""Orders, minutes and a provider in memory, for tests of what stands above them; the first two keep SQL's contracts."""

from tests.fakes_meters import MemoryMeters
from tests.fakes_orders import MemoryOrders, Orderbook
from tests.fakes_provider import Card, ScriptedProvider

__all__ = ["Card", "MemoryMeters", "MemoryOrders", "Orderbook", "ScriptedProvider"]
