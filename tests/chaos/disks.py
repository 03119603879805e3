"""Small disks under a system's folders, that a test can fill and empty."""

import contextlib
import errno
import os
import subprocess
import unittest

PIECE = b"\0" * 65536


class Disk(contextlib.AbstractContextManager):
    """A tmpfs on an empty folder while the block runs. Needs root; SkipTest where the machine does not let it mount."""

    def __init__(self, folder, mb):
        self._folder = folder
        if os.getuid() != 0:
            raise unittest.SkipTest("only root can mount a small disk")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mb}m", "parley-test", folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            raise unittest.SkipTest(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")

    def __exit__(self, *_):
        unmount(self._folder)

    @property
    def _ballast(self):
        return self._folder / "ballast"

    def fill(self):
        """Takes all that is free, to the last byte."""
        with open(self._ballast, "ab", buffering=0) as file:
            piece = PIECE
            while piece:
                try:
                    file.write(piece)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    piece = piece[: len(piece) // 2]

    def free(self):
        self._ballast.unlink()

    def free_bytes(self):
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize


def unmount(folder):
    """Lazily: whatever still holds a file there does not matter any more."""
    subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)
