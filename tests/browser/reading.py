"""`python -m tests.browser.reading`: scripted engines, and a fetcher that may ask the site on SITE_PORT."""

import os
import sys
from functools import partial

from infra import knowledge
from tests.infra.loopback_site import fetching
from web import __main__ as web

if __name__ == "__main__":
    knowledge.assemble = partial(knowledge.assemble, fetching=partial(fetching, int(os.environ["SITE_PORT"])))
    sys.exit(web.main())
