"""ops/test fuzz: builds the fuzz targets (tests/fuzz) and runs each for a while."""

import pathlib
import subprocess

import prerequisites
from settings import ROOT

BUILD = ROOT / "build" / "fuzz"
SEEDS = ROOT / "tests" / "fuzz" / "corpus"
INPUT_BYTES_MAX = 4096
INPUT_SECONDS_MAX = 10  # for one input; the sanitizers make everything slower, the machine may be busy
MEMORY_MB_MAX = 2048


def run(seconds):
    """Runs every target, `seconds` each. The exit code: 0 when no input broke a promise of any of them."""
    lib = pathlib.Path(__file__).parent
    prerequisites.execute([lib / "install-packages", lib / "packages-fuzz.txt"], "clang is needed to fuzz")
    prerequisites.parley(preset="fuzz", parts=prerequisites.PARTS)
    broken = [target.name for target in sorted(SEEDS.iterdir()) if target.is_dir() and fuzz(target.name, seconds) != 0]
    prerequisites.say(f"broken: {', '.join(broken)}; the inputs are in {BUILD}" if broken else "no input broke a promise")
    return 1 if broken else 0


def fuzz(target, seconds):
    prerequisites.say(f"fuzzing {target} for {seconds} s")
    found = BUILD / "corpus" / target
    found.mkdir(parents=True, exist_ok=True)
    return subprocess.run([BUILD / "tests" / "fuzz" / f"{target}_fuzz", f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}",
                           f"-timeout={INPUT_SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}", f"-artifact_prefix={BUILD}/{target}-", "-verbosity=0",
                           "-print_final_stats=1", found, SEEDS / target], stdin=subprocess.DEVNULL).returncode
