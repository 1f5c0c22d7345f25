"""Lets talk.py and talk.mjs talk to each other: run.py BASE_URL

Ends with 0 if both say that nothing was missed, doubled or out of order.
"""

import secrets
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT_S = 120


def start(command, name):
    process = subprocess.Popen(
        command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    def show():
        for line in process.stdout:
            print(f"{name:>6} | {line}", end="", flush=True)

    reader = threading.Thread(target=show, daemon=True)
    reader.start()
    return process, reader


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    mark = secrets.token_hex(4)
    ana, noor = f"ana_{mark}", f"noor_{mark}"
    started = {
        "python": start([sys.executable, "talk.py", base, ana, noor], "python"),
        "node": start(["node", "talk.mjs", base, noor, ana], "node"),
    }
    failed = []
    for name, (process, reader) in started.items():
        try:
            code = process.wait(TIMEOUT_S)
            reader.join(5)
        except subprocess.TimeoutExpired:
            process.kill()
            code = f"nothing after {TIMEOUT_S} s"
        if code != 0:
            failed.append(f"{name}: {code}")
    if failed:
        sys.exit("failed: " + ", ".join(failed))
    print("both clients agree: nothing missed, nothing twice, all in order")


if __name__ == "__main__":
    main()
