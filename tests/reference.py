"""Where recorded messages of real Macs and Apple's published schemas are found."""

import os
from pathlib import Path

import pytest


def reference(path: str) -> Path:
    """Find a file or folder of the reference material that lies beside the checkout.

    ``path`` is relative to the folder named by the environment variable OTAE_REFERENCE. Without the variable the
    calling test is skipped with that reason (a failure when CI is set); with it, a missing file is a failure.
    """
    root = os.environ.get("OTAE_REFERENCE")
    if not root:
        pytest.skip("OTAE_REFERENCE names no folder with reference material")
    found = Path(root) / path
    if not found.exists():
        raise FileNotFoundError(f"OTAE_REFERENCE has no {path}")
    return found
