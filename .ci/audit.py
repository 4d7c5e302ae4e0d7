"""Ask pip-audit whether an installed package has a known vulnerability; exit with 1 if one has.

    pip install pip-audit && python .ci/audit.py

pip-audit succeeds if its service does not know a package or cannot be reached. Therefore the packages that were not
audited are counted and reported; on GitHub, auditing nothing is a warning.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

COMMAND = ["pip-audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]


def ask() -> tuple[list[dict[str, Any]], str]:
    """Return the packages as reported by pip-audit, and the last line of its errors."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=600, check=False)
    words = done.stderr.strip().splitlines()
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        packages = []
    return packages, words[-1] if words else ""


def main() -> int:
    """Print the vulnerabilities and the number of audited packages; return the exit code."""
    try:
        packages, words = ask()
    except (OSError, subprocess.SubprocessError) as error:
        packages, words = [], str(error)
    audited = [package for package in packages if "vulns" in package and "skip_reason" not in package]
    found = [(package, flaw) for package in audited for flaw in package["vulns"]]
    for package, flaw in found:
        suggestion = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
        print(f"{package['name']} {package['version']}: {flaw['id']}, fixed in {suggestion}")
    print(f"audited {len(audited)} of {len(packages)} packages, {len(found)} known vulnerabilities")
    if not audited:
        on_github = "::warning::" if os.environ.get("GITHUB_ACTIONS") else ""
        print(f"{on_github}the vulnerability service is not reachable: NOTHING WAS AUDITED ({words})")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
