"""Telling the deployed crawl that there is work, where this process does not crawl itself."""

import logging

import modal

APP = "parley"
log = logging.getLogger(__name__)


class HandOver:
    """Spawns the scheduled function at once. Any thread may call; nobody waits for what it does."""

    def __init__(self, client: modal.Client | None = None) -> None:
        self._client = client

    def __call__(self) -> None:
        try:
            modal.Function.from_name(APP, "crawl", client=self._client).spawn()
        except (modal.exception.Error, OSError) as error:  # the schedule comes to it anyway
            log.warning("the crawl could not be told that there is work: %s", type(error).__name__)
