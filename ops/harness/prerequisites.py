"""What a machine needs besides Debian's packages: librdkafka, Kafka, Parley itself, built, and what tests judge it with. Each is done once.

A finished piece carries a stamp, the digest of what it was made from; a changed recipe makes it anew.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading

from failures import Exit, OpsError, no_room, on
from settings import DEPS, ROOT

# The version whose transactions Parley was measured with; Debian 12 has 2.0.2, three times slower at them. Confluent's own
# package for Node.js holds its complete source.
RDKAFKA_VERSION_MIN = "2.12"
RDKAFKA_PACKAGE = "@confluentinc/kafka-javascript@1.10.1"
RDKAFKA_SHA256 = "ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66"
ASYNCAPI_PARSER = "@asyncapi/parser@3.6.3"
# What /docs shows the API with.
SWAGGER_UI = "swagger-ui-dist@5.35.0"
SWAGGER_UI_SHA256 = "1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6"
SWAGGER_UI_FILES = ("LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt", "swagger-ui.css")
CONTRACT_TOOLS = ROOT / "tests" / "contract" / "tools"
RDKAFKA_PATCHES = sorted((ROOT / "ops" / "librdkafka").glob("*.patch"))
# Threads by pthread: the thread sanitizer does not know those of C11.
RDKAFKA_CONFIGURE = ("--disable-gssapi", "--disable-curl", "--disable-c11threads")
OUTPUT_CHARS_SHOWN = 4000
BENCH = "PARLEY_BENCH"
PARTS = ("PARLEY_TESTS", BENCH)  # of CMakeLists.txt
NPM_LOCK = threading.Lock()  # several downloads may need it, and one installs it
JOBS = str(os.cpu_count())


@contextlib.contextmanager
def meanwhile(*downloads):
    """Downloads while the block runs: the network and the processors have little to do with each other. What fails in the block comes first."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        begun = [pool.submit(download) for download in downloads]
        yield
        for download in begun:
            download.result()


def librdkafka():
    """Builds librdkafka into .deps/librdkafka, unless pkg-config knows one that is new enough."""
    if subprocess.run(["pkg-config", f"--atleast-version={RDKAFKA_VERSION_MIN}", "rdkafka"], stderr=subprocess.DEVNULL).returncode == 0:
        return
    target = DEPS / "librdkafka"
    once(target, (RDKAFKA_PACKAGE, RDKAFKA_SHA256, *RDKAFKA_CONFIGURE, *(patch.read_text() for patch in RDKAFKA_PATCHES), target), build_librdkafka)


def build_librdkafka(target):
    npm()
    source = DEPS / "librdkafka-source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    say(f"downloading librdkafka ({RDKAFKA_PACKAGE})")
    archive = download(RDKAFKA_PACKAGE, RDKAFKA_SHA256, source)
    with tarfile.open(archive) as tar:
        tar.extractall(source, [member for member in tar.getmembers() if member.name.startswith("package/deps/librdkafka/")])
    folder = source / "package" / "deps" / "librdkafka"
    (folder / "configure").chmod(0o755)
    for patch in RDKAFKA_PATCHES:
        execute(["patch", "-p1", "-i", patch], f"{patch.name} does not fit", quiet=True, cwd=folder)
    say("building librdkafka (about a minute)")
    for command in (["./configure", f"--prefix={target}", *RDKAFKA_CONFIGURE], ["make", "-j", JOBS, "-C", "src"], ["make", "-C", "src", "install"]):
        execute(command, "librdkafka does not build", quiet=True, cwd=folder)
    shutil.rmtree(source)


def asyncapi():
    """Installs AsyncAPI's own parser into .deps/asyncapi: what judges schemas/asyncapi.yaml in the tests."""
    def install(target):
        npm()
        say(f"downloading {ASYNCAPI_PARSER}")
        execute(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", target, ASYNCAPI_PARSER], "the download failed", quiet=True)

    once(DEPS / "asyncapi", (ASYNCAPI_PARSER,), install)


def swagger_ui():
    """Downloads what shows the API's document at /docs into .deps/swagger-ui."""
    def unpack(target):
        npm()
        say(f"downloading {SWAGGER_UI}")
        archive = download(SWAGGER_UI, SWAGGER_UI_SHA256, target)
        with tarfile.open(archive) as tar:
            for name in SWAGGER_UI_FILES:
                (target / name).write_bytes(tar.extractfile(f"package/{name}").read())
        archive.unlink()

    once(DEPS / "swagger-ui", (SWAGGER_UI, SWAGGER_UI_SHA256, *SWAGGER_UI_FILES), unpack)


def contract_tools():
    """Installs what the contract tests judge and generate with: .deps/contract-npm, and the venv .deps/contract-python."""
    packages = sorted(CONTRACT_TOOLS.glob("*.json"))
    requirements = CONTRACT_TOOLS / "requirements.txt"

    def install_packages(target):
        npm()
        for file in packages:
            shutil.copy(file, target)
        say("downloading Redocly's linter, openapi-typescript and TypeScript for the tests")
        execute(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], "the download failed", quiet=True, cwd=target)

    def install_requirements(target):
        say("downloading schemathesis, openapi-spec-validator and openapi-python-client for the tests")
        execute(["/usr/bin/python3", "-m", "venv", target], "a virtual environment cannot be made (python3-venv)", quiet=True)
        execute([target / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", requirements], "the download failed",
                quiet=True)

    once(DEPS / "contract-npm", (file.read_text() for file in packages), install_packages)
    once(DEPS / "contract-python", (requirements.read_text(), DEPS / "contract-python"), install_requirements)


def download(package, sha256, folder):
    """The archive of an npm package, which must be the one that is known."""
    execute(["npm", "pack", "--silent", package, "--pack-destination", folder], "the download failed", quiet=True)
    (archive,) = folder.glob("*.tgz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise OpsError(f"{archive} is not the file that was expected: its SHA-256 differs. Try again, perhaps from another network", Exit.MISSING)
    return archive


def npm():
    with NPM_LOCK:
        if not shutil.which("npm"):
            lib = pathlib.Path(__file__).parent
            execute([lib / "install-packages", lib / "packages-npm.txt"], "npm is needed for downloads")


def kafka():
    """Downloads Kafka's jars into .deps/kafka."""
    pom = ROOT / "ops" / "deploy" / "kafka" / "pom.xml"

    def copy(target):
        say("downloading Apache Kafka")
        execute(["mvn", "-q", "-B", "-C", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={target}", "-DincludeScope=runtime"],
                "the download failed", quiet=True)

    once(DEPS / "kafka", (pom.read_text(),), copy)


def parley(*targets, preset="release", parts=()):
    """Builds these targets (the preset's own, as a rule all, when none is named). `parts`: of PARTS, what they need beside the product.

    A part that was turned on once stays on: its objects are there, and ops/run builds its own target alone.
    """
    build = ROOT / "build" / preset
    cache = (build / "CMakeCache.txt").read_text().splitlines() if (build / "build.ninja").exists() else []
    before = {part for part in PARTS if f"{part}:BOOL=ON" in cache}
    if not cache or not before.issuperset(parts):
        switches = [f"-D{part}={'ON' if part in before.union(parts) else 'OFF'}" for part in PARTS]
        execute(["cmake", "--preset", preset, *switches], "Parley's build cannot be configured", cwd=ROOT)
    say("building Parley" if preset == "release" else f"building Parley, preset {preset}")
    execute(["cmake", "--build", "--preset", preset, "--parallel", JOBS, *(["--target", *targets] if targets else [])], "Parley does not build", cwd=ROOT)


def once(target, made_from, make):
    """`make` fills the folder, unless it was finished from the same before."""
    stamp = hashlib.sha256("\n".join(map(str, made_from)).encode()).hexdigest()
    file = target / ".stamp"
    if file.exists() and file.read_text() == stamp:
        return
    with on(target, "make room for what is downloaded and built"):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        make(target)
        file.write_text(stamp)


def execute(command, failure, quiet=False, cwd=None):
    """Runs it to its end. `quiet`: its output is shown only when it fails."""
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None,
                          stderr=subprocess.STDOUT if quiet else None, text=True, errors="replace")
    if done.returncode != 0:
        details = (done.stdout or "")[-OUTPUT_CHARS_SHOWN:]
        raise no_room([cwd or ROOT, tempfile.gettempdir()], "try again", details) or OpsError(
            f"{failure}: {' '.join(map(str, command[:3]))} … ended with {done.returncode}, what it says is above", Exit.MISSING, details)


def say(text):
    print(f"parley: {text}", flush=True)
