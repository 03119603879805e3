"""ops/bundle: collects what a bug report needs from a system that ops/run started, in one file, without secrets and without what people wrote.

  ops/bundle                            writes parley-bundle-TIME.tar.gz to the working directory
  ops/bundle --data DIR --out FILE      of another system, to another file

The system may run or not. What could not be collected is named in the manifest and printed; the rest is written.
"""

import contextlib
import datetime
import hashlib
import io
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile
import urllib.request

import command_status
import data_folder
import failures
import kafka
import postgres
import redaction
from failures import Exit, OpsError
from parley_system import ready_answer
from settings import BUILD, ROOT, add_data_flag, default_data, parser

LOG_MB_MAX = 5
SECONDS_MAX = 30
HTTP_SECONDS_MAX = 5
PACKAGE_LISTS = ("packages-run.txt",)
BUILD_FLAGS = ("CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELEASE", "PARLEY_SANITIZE", "PARLEY_TESTS")
# One JSON document each. Texts of rows are in none of them: sizes, counts, positions, times.
POSTGRES_QUESTIONS = {
    "server": "SELECT json_build_object('version', version(), 'size_bytes', pg_database_size(current_database()), 'started', pg_postmaster_start_time())",
    "settings": "SELECT json_object_agg(name, setting) FROM pg_settings WHERE source NOT IN ('default', 'override', 'client') AND vartype <> 'string'",
    "tables": "SELECT json_agg(t) FROM (SELECT s.schemaname, s.relname, s.n_live_tup, s.n_dead_tup, s.last_autovacuum, s.seq_scan, s.idx_scan, "
              "pg_total_relation_size(s.relid) AS bytes, pg_indexes_size(s.relid) AS index_bytes FROM pg_stat_user_tables s ORDER BY 8 DESC) t",
    "checkpoints": "SELECT json_agg(c) FROM (SELECT projection, partition, next, topic_id, last_position, updated_at FROM parley.checkpoints ORDER BY 1, 2) c",
    "parked": "SELECT json_agg(p) FROM (SELECT projection, stream, partition, position, version, since FROM parley.parked_streams ORDER BY since LIMIT 1000) p",
    "activity": "SELECT json_agg(a) FROM (SELECT application_name, state, wait_event_type, wait_event, count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() GROUP BY 1, 2, 3, 4) a",
}


def main():
    flags_parser = parser(__doc__)
    add_data_flag(flags_parser, default_data())
    flags_parser.add_argument("--out", type=pathlib.Path, metavar="FILE", help="the file to write; it must not exist (default: parley-bundle-TIME.tar.gz here)")
    flags_parser.add_argument("--log-mb", type=int, default=LOG_MB_MAX, metavar="N", help="megabytes from the end of each log (default %(default)s)")
    flags_parser.add_argument("--prometheus", metavar="URL", help="a Prometheus whose alerts are collected too, for example http://127.0.0.1:9090")
    flags = flags_parser.parse_args()
    if flags.log_mb < 0:
        raise OpsError("--log-mb must be 0 or more", Exit.USAGE)
    if not (flags.data / data_folder.MARK).exists():
        raise OpsError(f"{flags.data} is not a data folder of Parley: --data names the folder of a system that ops/run started", Exit.FOLDER)
    now = datetime.datetime.now(datetime.timezone.utc)
    out = flags.out or pathlib.Path(f"parley-bundle-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    bundle = Bundle(out, now)
    with bundle:
        collect(bundle, flags)
    bundle.print_manifest()


class Bundle:
    """The file as it is written. A part that fails is noted, and the others go on."""

    def __init__(self, out, now):
        self._out, self._now = out, now
        self._name = f"parley-bundle-{now:%Y%m%dT%H%M%SZ}"
        self.parts, self.failed = [], []

    def __enter__(self):
        try:
            self._file = os.fdopen(os.open(self._out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError:
            raise OpsError(f"{self._out} exists: choose another file with --out", Exit.USAGE) from None
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz")
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self._add("manifest.json", json.dumps({"made": self._now.isoformat(), "parts": self.parts, "not_collected": self.failed}, indent=1, ensure_ascii=False))
        with contextlib.suppress(OSError) if kind else contextlib.nullcontext():
            self._tar.close()
            self._file.close()
        if kind is not None:
            self._out.unlink(missing_ok=True)

    def part(self, name, about, make):
        """Adds what make() returns: text as it is, anything else as JSON."""
        try:
            made = make()
        except Exception as error:  # whatever is broken on this machine is why somebody makes a bundle
            why = error.sentence if isinstance(error, OpsError) else f"{type(error).__name__}: {error}"
            self.failed.append({"name": name, "why": redaction.without_values(why)[:redaction.TEXT_CHARS_MAX]})
            return
        text = made if isinstance(made, str) else json.dumps(made, indent=1, ensure_ascii=False, default=str)
        self._add(name, text)
        self.parts.append({"name": name, "bytes": len(text.encode(errors="replace")), "about": about})

    def _add(self, name, text):
        data = text.encode(errors="replace")
        entry = tarfile.TarInfo(f"{self._name}/{name}")
        entry.size, entry.mtime, entry.mode = len(data), int(self._now.timestamp()), 0o600
        self._tar.addfile(entry, io.BytesIO(data))

    def print_manifest(self):
        for part in self.parts:
            print(f"{part['bytes']:>10}  {part['name']:<32}  {part['about']}")
        for part in self.failed:
            print(f"not collected: {part['name']}: {part['why']}")
        print(f"\n{self._out}   {self._out.stat().st_size} bytes; look into it before you send it: tar -xzf {self._out}")


def collect(bundle, flags):
    state = data_folder.read_state(flags.data) or {"processes": [], "environment": {}, "url": None, "pid": None}
    environment, processes = state["environment"], state["processes"]
    bundle.part("versions.json", "git commit, build flags, Debian packages, kernel", versions)
    bundle.part("settings.json", "settings of the processes, secrets left out", lambda: {
        "url": state["url"], "environment": redaction.settings(environment), "processes": [shown_process(process) for process in processes]})
    bundle.part("status.json", "which processes run and are ready, and how far behind they are", lambda: status(state))
    for process in processes:
        port = process["ports"].get("health")
        if port and data_folder.runs(process):
            bundle.part(f"readyz/{process['name']}.json", "/readyz: whether it can work, and why not", lambda port=port: readyz(port))
            bundle.part(f"metrics/{process['name']}.txt", "/metrics", lambda port=port: scrubbed_lines(http_text(f"http://127.0.0.1:{port}/metrics")))
    bundle.part("kafka.json", "topics, their configuration and offsets; positions of the groups", lambda: kafka_facts(environment["PARLEY_KAFKA_BROKERS"]))
    for name, sql in POSTGRES_QUESTIONS.items():
        bundle.part(f"postgres/{name}.json", "PostgreSQL: sizes, counts, positions", lambda sql=sql: postgres.ask_json(environment["PARLEY_POSTGRES"], sql))
    bundle.part("machine.json", "processors, memory, disks, size of the data folder by part, memory of the processes", lambda: machine(flags.data, processes))
    bundle.part("alerts.json", "alerts that Prometheus has now", lambda: alerts(flags.prometheus))
    for log in sorted((flags.data / "log").glob("*.log")):
        bundle.part(f"log/{log.name}", f"the last {flags.log_mb} MB, known fields alone, texts and addresses removed", lambda log=log: log_end(log, flags.log_mb << 20))


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else None


def versions():
    git = ("git", "-c", f"safe.directory={ROOT}")
    changed = output_of(*git, "status", "--porcelain")
    packages = [line for name in PACKAGE_LISTS for line in (ROOT / "ops" / "harness" / name).read_text().split("\n") if line and not line.startswith("#")]
    installed = {}
    for package in packages:
        installed[package] = output_of("dpkg-query", "--show", "--showformat=${Version}", package)
    cache = BUILD / "CMakeCache.txt"
    flags = dict(line.split(":", 1) for line in cache.read_text().splitlines() if line.partition(":")[0] in BUILD_FLAGS) if cache.exists() else None
    binary = BUILD / "ops" / "cli" / "parley"
    return {"commit": output_of(*git, "rev-parse", "HEAD"), "commit_time": output_of(*git, "show", "-s", "--format=%cI"),
            "files_changed_since": None if changed is None else len(changed.splitlines()),
            "build_flags": flags and {name: value.partition("=")[2] for name, value in flags.items()},
            "binary_sha256": hashlib.sha256(binary.read_bytes()).hexdigest() if binary.exists() else None,
            "system": platform.freedesktop_os_release().get("PRETTY_NAME"), "kernel": platform.release(), "python": platform.python_version(), "packages": installed}


def shown_process(process):
    return {name: process.get(name) for name in ("name", "wanted", "restarts", "last_exit", "ports")} | {"runs": data_folder.runs(process)}


def status(state):
    return {"runs": bool(state["pid"]) and data_folder.runs(state),
            "processes": {process["name"]: command_status.state_of(process, state["environment"]) for process in state["processes"]},
            "behind": list(command_status.lags(state)) if state["pid"] and data_folder.runs(state) else []}


def http_text(url):
    with urllib.request.urlopen(url, timeout=HTTP_SECONDS_MAX) as answer:
        return answer.read().decode(errors="replace")


def readyz(port):
    status_code, body = ready_answer(port)
    return {"status": status_code, "body": redaction.json_without_values(json.loads(body))}


def scrubbed_lines(text):
    return "".join(redaction.scrubbed(line) + "\n" for line in text.splitlines())


def kafka_facts(brokers):
    from confluent_kafka import Consumer, TopicPartition  # only here: the rest works without the package
    from confluent_kafka.admin import AdminClient, ConfigResource

    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    listed = admin.list_topics(timeout=HTTP_SECONDS_MAX)
    names = sorted(name for name in listed.topics if not name.startswith("__"))
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    configs = {resource.name: future.result(HTTP_SECONDS_MAX) for resource, future in admin.describe_configs(resources).items()}
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "parley.bundle", "enable.auto.commit": False, "log_level": 0})
    try:
        topics = {}
        for name in names:
            partitions = sorted(listed.topics[name].partitions.items())
            topics[name] = {
                "configuration": {key: entry.value for key, entry in configs[name].items() if not entry.is_default and not entry.is_sensitive},
                "partitions": [{"partition": number, "leader": partition.leader, "replicas": len(partition.replicas), "in_sync": len(partition.isrs),
                                **dict(zip(("begin", "end"), consumer.get_watermark_offsets(TopicPartition(name, number), timeout=HTTP_SECONDS_MAX)))}
                               for number, partition in partitions]}
    finally:
        consumer.close()
    return {"brokers": len(listed.brokers), "topics": topics,
            "groups": [{"group": group, "topic": topic, "behind": behind} for group, topic, behind in kafka.group_lags(brokers)]}


def machine(data, processes):
    memory = dict(line.split(":", 1) for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    disk = shutil.disk_usage(data)
    return {"processors": os.cpu_count(), "load": os.getloadavg(), "memory": {name: memory[name].strip() for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")},
            "disk": {"total": disk.total, "used": disk.used, "free": disk.free}, "data_bytes": {path.name: size_of(path) for path in sorted(data.iterdir())},
            "processes": {process["name"]: memory_of(process["pid"]) for process in processes if data_folder.runs(process)}}


def size_of(path):
    if not path.is_dir():
        return path.lstat().st_size
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with contextlib.suppress(OSError):  # removed meanwhile
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def memory_of(pid):
    status_lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: status_lines[name].strip() for name in ("VmRSS", "VmHWM", "Threads") if name in status_lines} | {"open_files": len(os.listdir(f"/proc/{pid}/fd"))}


def alerts(prometheus):
    if prometheus is None:
        return {"asked": None, "why": "no Prometheus was named: --prometheus URL"}
    document = json.loads(http_text(prometheus.rstrip("/") + "/api/v1/alerts"))
    return {"asked": "Prometheus", "alerts": [{"labels": {name: redaction.scrubbed(value) for name, value in alert["labels"].items()}, "state": alert["state"],
                                              "since": alert["activeAt"]} for alert in document["data"]["alerts"]]}


def log_end(log, bytes_max):
    lines, out = redaction.Lines(), []
    with open(log, "rb") as file:
        begin = max(0, log.stat().st_size - bytes_max)
        file.seek(begin)
        if begin:
            file.readline()  # the rest of a line
        for line in file:
            kept = lines.redacted(log.name, line.decode(errors="replace").rstrip("\n"))
            if kept is not None:
                out.append(kept)
    out.append(json.dumps({"message": "left out of this log", "lines": lines.lines, "fields": dict(lines.fields)}))
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    failures.run(main)
