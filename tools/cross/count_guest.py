#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the emulated machine of tools/arm64 left in a folder, as one log that count_results.py
counts: count_guest.py FOLDER COMMANDS writes a line of JSON for each line of COMMANDS. A command
that was not reached is a failure."""

import json
import pathlib
import sys

SKIPPED = 77  # as Meson has it

folder = pathlib.Path(sys.argv[1])
for line in pathlib.Path(sys.argv[2]).read_text().splitlines():
    name = line.split()[0]
    try:
        status = int((folder / f"{name}.status").read_text())
        text = (folder / f"{name}.stdout").read_text(errors="replace")
    except (OSError, ValueError):
        status, text = -1, ""
    result = {0: "OK", SKIPPED: "SKIP"}.get(status, "FAIL")
    print(json.dumps({"name": name, "result": result, "stdout": text}))
