"""A copy of `parley backup`, read and written by nobody of ours but these few lines (ops/cli/backup/README.md describes it)."""

import dataclasses
import hashlib
import json
import struct

MAGIC = b"parley.records.v1\n"
NO_VALUE = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True)
class Record:
    offset: int
    time: int
    key: bytes
    value: bytes | None
    headers: tuple  # of (name, value)

    def text(self, name):
        return next((value.decode() for header, value in reversed(self.headers) if header == name), "")


def read_records(path):
    data, at = path.read_bytes(), len(MAGIC)
    assert data.startswith(MAGIC), path

    def take(size):
        nonlocal at
        at += size
        return data[at - size:at]

    def number():
        return struct.unpack(">I", take(4))[0]

    records = []
    while at < len(data):
        end = number() + at
        offset, time = struct.unpack(">qq", take(16))
        key = take(number())
        size = number()
        value = None if size == NO_VALUE else take(size)
        headers = tuple((take(number()).decode(), take(number())) for _ in range(number()))
        assert at == end, path
        records.append(Record(offset, time, key, value, headers))
    return records


def write_records(path, records):
    def part(data):
        return struct.pack(">I", len(data)) + data

    out = MAGIC
    for record in records:
        value = struct.pack(">I", NO_VALUE) if record.value is None else part(record.value)
        headers = b"".join(part(name.encode()) + part(header) for name, header in record.headers)
        out += part(struct.pack(">qq", record.offset, record.time) + part(record.key) + value + struct.pack(">I", len(record.headers)) + headers)
    path.write_bytes(out)


class Copy:
    def __init__(self, folder):
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.partitions = self.manifest["partitions"]

    def records(self, topic):
        """{partition: its records}"""
        return {partition: read_records(self.folder / f"{topic}-{partition}.records") for partition in range(self.partitions)}

    def replace(self, topic, partition, records):
        """With a manifest that says so."""
        path = self.folder / f"{topic}-{partition}.records"
        write_records(path, records)
        entry = next(one for one in self.manifest["files"] if one["name"] == path.name)
        entry |= {"records": len(records), "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        text = json.dumps(self.manifest)
        (self.folder / "manifest.json").write_text(text)
        (self.folder / "manifest.sha256").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  manifest.json\n")
