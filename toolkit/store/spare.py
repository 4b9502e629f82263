"""Room that is kept on a disk for what must still be written when it is full."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from toolkit.store.folder import folder_error

FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class Spare:
    """A file of zeros that takes up room until it is let go of. The name is that of a draft: a later run sweeps it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / ".spare.0"

    def take(self, size: int) -> None:
        """Take up so many bytes; nothing where the file system cannot. Raises MachineError where the disk is full."""
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            file = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(file, 0, size)
            finally:
                os.close(file)
        except OSError as failure:
            self.free()
            if failure.errno in FULL:
                raise folder_error(self.folder, failure) from failure

    def free(self) -> bool:
        """Let go of it; whether there was any."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True
