"""Where the shipped folders lie: `schemas/`, `pipelines/` and `reports/`.

They stand at the top of the repository and inside the package in a wheel.
"""

from __future__ import annotations

from pathlib import Path


def shipped(folder: str) -> Path:
    """The folder `schemas`, `pipelines` or `reports`, in a wheel or in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder
