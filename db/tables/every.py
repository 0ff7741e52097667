"""Every table behind CORE_URL: whoever compares, empties or counts them asks here, where each module is named."""

from db.tables import attachments, files, membership, people
from db.tables.core import metadata

__all__ = ["attachments", "files", "membership", "metadata", "people"]
