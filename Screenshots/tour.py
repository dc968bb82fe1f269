#!/usr/bin/env python3
"""Films the tour: the real program in a real terminal (tmux), driven by keys, as a GIF.

    Screenshots/tour.py [BINARY]

Needs tmux, Python 3 with Pillow, and DejaVu Sans Mono (Debian: tmux python3-pil fonts-dejavu-core).
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from PIL import Image

import render

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parent / "Samples"
WIDTH, HEIGHT = 112, 32
# A frame every so many seconds; those that show nothing new only last longer.
STEP = 0.1
# A keystroke, or several, and how long a person looks at what comes of it.
TOUR = [
    ("", 2.0), ("j", 0.4), ("j", 0.4), ("j", 0.4), ("j", 0.8),
    ("s", 1.2), ("i", 0.2), ("n", 0.2), ("t", 0.2), ("4", 0.9), ("Enter", 1.6),
    ("-", 1.0), ("u", 1.0),
    ("M", 1.2), ("h", 1.0), ("h", 1.0), ("Down", 0.3), ("Down", 0.3), ("Up", 0.3), ("Escape", 0.6),
    (":", 0.3), ("s", 0.12), ("e", 0.12), ("t", 0.12), (" ", 0.12), ("@", 0.12), ("f", 0.12), ("f", 0.12), ("n", 0.12),
    ("=", 0.12), ("i", 0.12), ("n", 0.12), ("t", 0.12), ("4", 0.5), ("Enter", 1.4),
    ("a", 1.6), ("Up", 0.8), ("Up", 0.8), ("Right", 0.4), ("Right", 0.4), ("Right", 0.4), ("Left", 0.6), ("Enter", 1.4),
    ("m", 6.0), ("R", 2.2), ("Escape", 0.4),
    ("e", 1.4), ("Enter", 1.0), ("Enter", 2.4),
]


def tmux(*words, **options):
    return subprocess.run(["tmux", "-L", "lathe-tour", *words], check=True, capture_output=True, text=True, **options).stdout


def screen():
    return tmux("capture-pane", "-e", "-p")


def wait(seconds=60):
    """Until nothing runs any more."""
    for _ in range(int(seconds / 0.2)):
        text = screen()
        if "help" in text and not any(word in text for word in ("analysing", "calibrating", "measuring")):
            return
        time.sleep(0.2)


def film(seconds, frames):
    """Adds what is seen in so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.monotonic()
        text = screen()
        if frames and frames[-1][0] == text:
            frames[-1][1] += STEP
        else:
            frames.append([text, STEP])
        time.sleep(max(0, STEP - (time.monotonic() - before)))


def main():
    binary = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".build/release/lathe").resolve()
    model = SAMPLES / "shakespeare-llama"
    with tempfile.TemporaryDirectory() as work:
        environment = dict(os.environ, XDG_CACHE_HOME=work + "/cache", XDG_STATE_HOME=work + "/state",
                           XDG_CONFIG_HOME=work + "/config", LANG="C.UTF-8", LC_ALL="C.UTF-8")
        subprocess.run([binary, "sensitivity", model, "--context", "256", "--data", SAMPLES / "shakespeare-calibration.txt",
                        "-o", work + "/s.json"], check=True, env=environment, stdout=subprocess.DEVNULL)
        # A part of it is measured in some seconds.
        pathlib.Path(work, "test.txt").write_bytes((SAMPLES / "shakespeare-test.txt").read_bytes()[:36_000])
        command = (f"env TERM=tmux-256color COLORTERM= '{binary}' '{model}' --context 256 "
                   f"--data {work}/test.txt")
        tmux("-f", "/dev/null", "new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), command, env=environment, cwd=work)
        frames = []
        try:
            wait()
            tmux("send-keys", "-l", "--", f":sensitivity {work}/s.json")
            tmux("send-keys", "Enter")
            time.sleep(1)
            wait()
            for key, seconds in TOUR:
                named = key in ("Enter", "Escape", "Down", "Up", "Left", "Right", "Tab")
                if key:
                    tmux("send-keys", *(() if named else ("-l", "--")), key)
                film(seconds, frames)
            tmux("send-keys", "Escape", ":quit!", "Enter")
        finally:
            subprocess.run(["tmux", "-L", "lathe-tour", "kill-server"], capture_output=True)
    pictures = [render.render(text, size=10).quantize(40, dither=Image.Dither.NONE) for text, _ in frames]
    pictures[0].save(HERE / "tour.gif", save_all=True, append_images=pictures[1:], optimize=True, loop=0, disposal=1,
                     duration=[round(seconds * 1000) for _, seconds in frames])
    size = (HERE / "tour.gif").stat().st_size
    print(f"Screenshots/tour.gif: {len(frames)} pictures, {sum(s for _, s in frames):.0f} s, {size / 1e6:.2f} MB")
    if size > 3_000_000:
        raise SystemExit("tour.py: more than 3 MB")


if __name__ == "__main__":
    main()
