"""`python -m tests.browser.drawling`: scripted engines with a voice that takes its time: a reply sounds for 18 s.

For those who speak over it: on a busy machine a reply of six seconds is over before they have begun.
"""

import sys

from functions.engines import scripted
from web import __main__ as web

WORD_S = 0.75

if __name__ == "__main__":
    scripted.WORD_S = WORD_S
    sys.exit(web.main())
