#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""page_shots.py FOLDER [SCENE:WIDTH:light|dark ...] - pictures of the live page with the made-up figures of page_stats.py, as in docs/ (there: without arguments
behind the folder, then made smaller with `pngquant --nofs 256`). A person looks at them; no test does."""
import os
import subprocess
import sys

import browser
import env
import page_stats

USUAL = ["%s:%d:%s" % (scene, width, look) for width in (360, 800, 1400) for scene, look in (("down", "light"), ("busy", "dark"))]


def main():
    if browser.WHY_NOT:
        sys.exit("page_shots.py: " + browser.WHY_NOT)
    admin = env.free_address()
    real = subprocess.Popen([env.OUTRIGGER, "--demo", "--admin", admin, "--listen", env.free_address()],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in real.stdout:
            if "live page" in line:
                break
        with browser.Browser() as b:
            for shot in sys.argv[2:] or USUAL:
                take(b, admin, *shot.split(":"))
    finally:
        real.terminate()
        real.communicate()


def take(b, admin, scene, width, look):
    with page_stats.Fixture(admin, page_stats.SCENES[scene]()) as fixture:
        b.open(fixture.url, int(width), 900, look == "dark")
        b.wait("!!document.querySelector('main:not([hidden])')")
        high = b.run("document.documentElement.scrollHeight")
        b.ask("Emulation.setDeviceMetricsOverride", width=int(width), height=high, deviceScaleFactor=1, mobile=False)
        path = os.path.join(sys.argv[1], "page-%s-%s.png" % (width, look))
        b.picture(path, whole=False)
        print(path)


if __name__ == "__main__":
    main()
