"""`python -m deploy.alive`: whether the server of this container answers. For HEALTHCHECK: the image has no curl."""

import os
import sys
import urllib.error
import urllib.request

WAIT_S = 3


def main() -> int:
    url = f"http://127.0.0.1:{os.environ.get('PORT') or '7210'}/health"
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
