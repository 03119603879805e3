"""ops/status: shows the processes of a running Parley, their ports, and how far behind they are. Exits with 1 when a process is not ready."""

import re
import sys
import urllib.request

import data_folder
import edge
import failures
import kafka
import postgres
from failures import OpsError
from parley_system import ready_answer
from settings import add_data_flag, default_data, parser

EXIT_NOT_READY = 1
LAG = re.compile(r"^(\w*_lag\w*)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)  # one sample: name, value


def main():
    flags_parser = parser(__doc__)
    add_data_flag(flags_parser, default_data())
    data = flags_parser.parse_args().data
    state = data_folder.read_state(data)
    if not state or not data_folder.runs(state):
        raise OpsError(f"no Parley runs on {data}: ops/run starts one, --data names another folder", EXIT_NOT_READY)

    print(f"{state['url']}   supervisor pid {state['pid']}   data {data}\n")
    print(f"{'process':<14}{'pid':>8}  {'restarts':>8}  {'state':<10}  ports")
    all_ready = True
    for process in state["processes"]:
        status = state_of(process, state["environment"])
        all_ready &= status in ("ready", "degraded")
        ports = "  ".join(f"{use} {port}" for use, port in process["ports"].items())
        print(f"{process['name']:<14}{process['pid'] or '-':>8}  {process['restarts']:>8}  {status:<10}  {ports}")

    print("\nbehind:")
    for line in lags(state):
        print("  " + line)
    sys.exit(0 if all_ready else EXIT_NOT_READY)


def state_of(process, environment):
    if not process["wanted"]:
        return "stopped"
    if not data_folder.runs(process):
        return "crashed"
    servers = {"kafka": lambda: kafka.answers(process["ports"]["kafka"]), "edge": lambda: edge.accepts(process["ports"]["http"]),
               "postgres": lambda: postgres.answers(environment["PARLEY_POSTGRES"])}
    role = process["name"].partition("-")[0]
    if role in servers:
        return "ready" if servers[role]() else "not ready"
    status, body = ready_answer(process["ports"]["health"])
    if status != 200:
        return "not ready"
    return "degraded" if "degraded" in body else "ready"


def lags(state):
    """Lines: what consumer groups have not read yet, and what the processes say of themselves in their metrics."""
    try:
        for group, topic, count in kafka.group_lags(state["environment"]["PARLEY_KAFKA_BROKERS"]):
            yield f"group {group}: {count} of {topic}"
    except Exception as error:  # the client's own type; Kafka may be away, and the rest is still worth showing
        yield f"Kafka does not say: {error}"
    for process in state["processes"]:
        if "health" in process["ports"]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{process['ports']['health']}/metrics", timeout=2) as answer:
                    samples = LAG.findall(answer.read().decode())
                for metric in sorted({name for name, _ in samples}):
                    values = [float(value) for name, value in samples if name == metric]
                    if metric.endswith("_seconds"):
                        yield f"{process['name']}: {metric} = {max(values):.0f}, of the partition that is behind most"
                    else:
                        yield f"{process['name']}: {metric} = {sum(values):.0f}, all partitions together"
            except OSError:
                yield f"{process['name']}: no metrics"


if __name__ == "__main__":
    failures.run(main)
