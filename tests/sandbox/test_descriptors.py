"""The pipes of sandboxes are closed once: a number that is closed again may be another thread's by then."""

import subprocess
import sys

PIPES = 20_000
WITNESS = f"""
import asyncio, os, sys, threading, uvloop
from holdfast.sandbox.box import Output

over = threading.Event()
taken = []

def open_and_close():
    while not over.is_set():
        for number in [os.open(os.devnull, os.O_RDONLY) for _ in range(3)]:
            try:
                os.close(number)
            except OSError:
                taken.append(number)

async def main():
    for _ in range(3):
        threading.Thread(target=open_and_close, daemon=True).start()
    for turn in range({PIPES}):
        ours, theirs = os.pipe()
        output = Output(os.fdopen(ours, "rb"), 100, 1000, asyncio.Event())
        os.write(theirs, b"hello")
        os.close(theirs)
        if turn % 2:
            output.close()
        await output.closed
        assert turn % 2 or output.text == "hello"
    over.set()

uvloop.run(main())
sys.exit(f"{{len(taken)}} were closed by somebody else" if taken else 0)
"""


def test_what_other_threads_open_stays_open() -> None:
    done = subprocess.run([sys.executable, "-c", WITNESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
