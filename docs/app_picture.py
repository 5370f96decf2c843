"""The picture of the app in the documentation: `python docs/app_picture.py gsf-s0 docs/images/app.png`.

Starts `gsf app` on a free port, asks for the answer to one of its examples, which the pipeline has rendered, and lets
a headless Chromium take the picture; all of them end with it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from screenshot import CHROMIUM, browser, render

EDGE = "gsf-picture"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a run of the active study")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--example", default="down", help="one of arrow's classes")
    parser.add_argument("--window", default="1.5", help="seconds of an answer over time")
    parser.add_argument("--size", default="1280,1400", help="px, width,height")
    args = parser.parse_args()
    if browser() is None:
        sys.exit(f"no browser: one of {', '.join(CHROMIUM)} must be in PATH, such as `apt-get install chromium`")
    command = [sys.executable, "-m", "gsf", "app", "--model", args.model, "--port", "0", "--window", args.window]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert app.stdout is not None
            found = (re.search(r"http://[0-9.]+:[0-9]+", line) for line in app.stdout)
            host = next((address for address in found if address), None)
            if host is None:
                sys.exit(f"`{' '.join(command)}` did not start: run it by hand to see why")
            page = answer(host[0], args.example)
            render(page, f"--screenshot={args.picture.resolve()}", size=args.size)
        finally:
            app.terminate()
    print(f"{args.picture}: {page}")


def answer(host: str, example: str) -> str:
    """The address of the page that answers an example."""
    form = f'--{EDGE}\r\nContent-Disposition: form-data; name="example"\r\n\r\n{example}\r\n--{EDGE}--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
    with urllib.request.urlopen(urllib.request.Request(f"{host}/answer", form.encode(), headers)) as found:
        return str(found.url)


if __name__ == "__main__":
    main()
