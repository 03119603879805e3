"""The sources that the checks judge: what git tracks, or, where there is no git, every file that is not built."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = {".git", ".deps", ".run", "build", "__pycache__"}


def tracked_files():
    """Paths relative to the root, sorted; of files that are there."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode == 0:
        paths = (pathlib.PurePath(name) for name in listed.stdout.split("\0") if name)
    else:
        paths = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
    return sorted(path for path in paths if not BUILT.intersection(path.parts) and (ROOT / path).is_file())


def tracked_cpp():
    return [path for path in tracked_files() if path.suffix in (".h", ".cc")]
