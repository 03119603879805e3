"""What ops/bench prints and keeps."""

import dataclasses
import datetime
import json
import os
import platform


def line(figure):
    baseline = f"{number(figure.baseline)}{figure.unit}  x{figure.ratio:.2f} of {figure.of}" if figure.baseline else ""
    wanted = f"(wanted: {figure.target})" if figure.target else ""
    shown = f"{figure.name:<52}{number(figure.value) + figure.unit:>14}  {wanted:<26} {baseline}".rstrip()
    spent = figure.more.get("load", {}).get("processor_us", {})
    used = ", ".join(f"{process} {us}" for process, us in spent.items() if us > 0)
    return shown + (f"\n    processor time of one, µs: {used}" if used else "")


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def keep(folder, results, size, partitions):
    """Writes everything to FOLDER/<time>.json; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    path = folder / f"{now:%Y%m%dT%H%M%SZ}.json"
    figures = {part: [dataclasses.asdict(figure) | {"ratio": figure.ratio} for figure in figures] for part, figures in results.items()}
    machine = {"processors": os.cpu_count(), "load_before": os.getloadavg()[2], "kernel": platform.release()}
    path.write_text(json.dumps({"at": now.isoformat(), "machine": machine, "size": dataclasses.asdict(size), "partitions": partitions,
                                "parts": figures}, indent=1, default=str) + "\n")
    return path
