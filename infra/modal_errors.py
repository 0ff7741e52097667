"""Modal's errors in the domain's words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import modal

from domain.errors import NotAllowed, ParleyError, Unavailable
from functions.pools import Name
from infra.calls import FUNCTIONS

log = logging.getLogger(__name__)


@contextmanager
def translated(function: Name) -> Iterator[None]:
    """Raise what went wrong as Unavailable; what a function itself raised comes with its type and passes."""
    try:
        yield
    except NotAllowed as error:
        # Nothing that a visitor could do: it is ours to give both sides the same key.
        log.error("%s does not accept our calls: WORKER_KEY differs from that of the secret parley-worker", function)
        raise Unavailable(f"{FUNCTIONS[function]}_failed") from error
    except ParleyError:
        raise
    except (TimeoutError, modal.exception.TimeoutError):
        raise Unavailable("engine_late", engine=function) from None
    except modal.exception.NotFoundError as error:
        log.error("%s is not deployed: run `make deploy`", function)
        raise Unavailable("functions_missing", engine=function) from error
    except (modal.exception.AuthError, modal.exception.ConnectionError, OSError) as error:
        log.warning("the functions cannot be reached: %s", error)
        raise Unavailable("functions_away", engine=function) from error
    except Exception as error:
        log.warning("%s failed: %s: %s", function, type(error).__name__, error)
        raise Unavailable(f"{FUNCTIONS[function]}_failed") from error
