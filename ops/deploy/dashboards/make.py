#!/usr/bin/python3
"""Makes parley.json, the Grafana dashboard, out of the panels below: ops/deploy/dashboards/make.py

A panel: its title, its unit (of Grafana), the queries by their legends, and what there is to say of it. Every query gives a series in a healthy system:
what is rightly nothing is 0.
"""

import json
import pathlib

FILE = pathlib.Path(__file__).with_name("parley.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WINDOW = "$__rate_interval"
COLUMNS = 24
HEIGHT = 7
OURS = '{job=~"parley.*"}'  # of what others export too


def rate(metric):
    return f"rate({metric}[{WINDOW}])"


def quantile(share, histogram, *by):
    return f"histogram_quantile({share}, sum by ({', '.join(('le', *by))}) ({rate(histogram + '_bucket')}))"


def quantiles(histogram, *shares):
    return {f"p{round(share * 100)}": quantile(share, histogram) for share in shares}


def sum_by(labels, expression):
    return f"sum by ({labels}) ({expression})"


def rates(**metrics):
    """Legends (with _ for blanks) and counters: all series of each together."""
    return {legend.replace("_", " "): f"sum({rate(metric)})" for legend, metric in metrics.items()}


def or_zero(expression):
    return f"{expression} or vector(0)"


REQUESTS = rate("parley_http_requests_total")
ERRORS = rate('parley_http_requests_total{status=~"5.."}')
ROUTE = "{{method}} {{route}}"
BY_INSTANCE = "{{instance}}"

GLANCE = (
    ("Processes", "short", {"ready": "sum(parley_process_ready)", "not ready": "sum(parley_process_ready == bool 0)", "gone": f"sum(up{OURS} == bool 0)"}),
    ("Alerts that fire", "short", {"": or_zero('count(ALERTS{alertstate="firing", alertname=~"Parley.*"})')}, "ops/deploy/alerts says what each means and asks for."),
    ("Requests", "reqps", {"": f"sum({REQUESTS})"}),
    ("Answers 5xx", "percentunit", {"": f"({or_zero(f'sum({ERRORS})')}) / sum({REQUESTS})"}, "Their share of all answers."),
    ("Reads are behind by", "s", {"": "max(parley_projector_lag_seconds)"}, "Age of the oldest event that the read models do not reflect."),
    ("Parked streams", "short", {"": "sum(parley_decider_parked_streams) + sum(parley_projector_parked_streams)"}, "`parley parked list` names them."),
)
ROWS = {
    "Traffic and errors per route": (
        ("Requests", "reqps", {ROUTE: sum_by("method, route", REQUESTS)}),
        ("Answers 5xx", "reqps", {ROUTE: f"{sum_by('method, route', ERRORS)} or {sum_by('method, route', REQUESTS)} * 0"},
         "503 asks to come again: something is full, or away."),
        ("Answers per status", "reqps", {"{{status}}": sum_by("status", REQUESTS)}),
        ("One answer in a hundred takes longer", "s", {ROUTE: quantile(0.99, "parley_http_request_seconds", "method", "route")}, "Streams are left out."),
        ("All routes", "s", quantiles("parley_http_request_seconds", 0.5, 0.9, 0.99)),
        ("Refused before a route", "reqps", rates(over_the_limit_of_connections="parley_http_refused_connections_total",
                                                  no_memory_left="parley_http_overloaded_total", not_a_request="parley_http_rejected_inputs_total",
                                                  too_slow="parley_http_timeouts_total", broken="parley_http_failures_total")),
    ),
    "Rate limits": (
        ("Refused for asking too often", "reqps", {"{{limit}}": sum_by("limit", rate("parley_http_rate_limited_total"))},
         "429, by the limit that was met. The client is told when to come again."),
        ("Counts begun anew for want of room", "cps", {"{{limit}}": sum_by("limit", rate("parley_http_rate_limit_displaced_total"))},
         "Anything but 0: more callers at once than a limit remembers (--rate-limit-keys-max)."),
    ),
    "Command latency by phase": (
        ("Half of the commands take longer", "s", {"{{phase}}": quantile(0.5, "parley_api_command_phase_seconds", "phase"),
                                                   "whole": quantile(0.5, "parley_api_command_seconds")},
         "decide: sent until decided. project: from there until the read model has it."),
        ("One command in a hundred takes longer", "s", {"{{phase}}": quantile(0.99, "parley_api_command_phase_seconds", "phase"),
                                                        "whole": quantile(0.99, "parley_api_command_seconds")}),
        ("On their way", "short", {"waiting": "sum(parley_api_commands_waiting)", "queued": "sum(parley_api_commands_queued)"},
         "Waiting for their outcome; of these, not taken by Kafka yet."),
        ("Late", "reqps", rates(no_outcome_in_time="parley_api_command_timeouts_total", not_readable_in_time="parley_api_commands_pending_total"),
         "Answered 504; answered with X-Projection: pending."),
    ),
    "Deciders": (
        ("Commands by outcome", "cps", {"{{outcome}}": sum_by("outcome", rate("parley_decider_commands_total"))}),
        ("Transactions by outcome, and seals", "cps", {"{{outcome}}": sum_by("outcome", rate("parley_decider_transactions_total")),
                                                       **rates(seals="parley_decider_seals_total", batches_dropped="parley_decider_dropped_batches_total")}),
        ("A transaction takes", "s", quantiles("parley_decider_transaction_seconds", 0.5, 0.99)),
        ("Commands not decided", "short", {BY_INSTANCE: sum_by("instance", "parley_decider_lag_commands")}),
        ("Partitions", "short", {BY_INSTANCE: sum_by("instance", "parley_decider_owned"),
                                 "nobody": or_zero(f"count({sum_by('partition', 'parley_decider_owned')} == 0)")}, "`nobody` is 0 when all is well."),
        ("Oldest event without a seal", "s", {BY_INSTANCE: "max by (instance) (parley_decider_unsealed_seconds)"}),
    ),
    "Processes across slots": (
        ("Commands by outcome", "cps", {"{{outcome}}": sum_by("outcome", rate("parley_reactor_commands_total"))}),
        ("The oldest command waits for", "s", {BY_INSTANCE: "max by (instance) (parley_reactor_waiting_seconds)"}),
        ("Behind, events", "short", {BY_INSTANCE: sum_by("instance", "parley_reactor_lag_events")}),
        ("Partitions", "short", {BY_INSTANCE: sum_by("instance", "parley_reactor_owned"),
                                 "nobody": or_zero(f"count({sum_by('partition', 'parley_reactor_owned')} == 0)")}, "`nobody` is 0 when all is well."),
    ),
    "Projection lag": (
        ("Behind, time", "s", {BY_INSTANCE: "max by (instance) (parley_projector_lag_seconds)"}),
        ("Behind, events", "short", {BY_INSTANCE: sum_by("instance", "parley_projector_lag_events")}),
        ("Events", "cps", rates(decided="parley_decider_events_total", projected="parley_projector_events_total")),
        ("A transaction takes", "s", quantiles("parley_projector_transaction_seconds", 0.5, 0.99)),
        ("Partitions", "short", {BY_INSTANCE: sum_by("instance", "parley_projector_owned"),
                                 "nobody": or_zero(f"count({sum_by('partition', 'parley_projector_owned')} == 0)")}, "`nobody` is 0 when all is well."),
        ("Begun again", "cps", rates(after_an_error="parley_projector_retries_total", moved_by_another="parley_projector_checkpoint_misses_total")),
    ),
    "Streams": (
        ("Open", "short", {"{{viewer}}": sum_by("viewer", "parley_streams"), "connections": "sum(parley_http_streams)"}),
        ("Events sent", "cps", rates(events="parley_stream_events_total")),
        ("Bytes sent", "Bps", rates(bytes="parley_stream_bytes_total")),
        ("From an event's time to the streams of its dialog", "s", quantiles("parley_stream_delivery_seconds", 0.5, 0.99)),
        ("Cut, told to wait, reset", "cps", rates(unread="parley_http_slow_readers_cut_total", ended_unread="parley_stream_slow_readers_cut_total",
                                                  told_to_wait="parley_stream_delays_total", reset="parley_stream_resets_total")),
        ("History for streams that resume", "cps", {**rates(reads="parley_stream_history_reads_total", failures="parley_stream_history_failures_total"),
                                                    "waiting now": "sum(parley_stream_history_waiting)"}),
        ("Hub: behind the log", "s", {BY_INSTANCE: "max by (instance) (parley_stream_hub_age_seconds)"}),
        ("Hub: held for streams", "bytes", {BY_INSTANCE: sum_by("instance", "parley_stream_hub_retained_bytes")}),
        ("Hub: gaps", "cps", rates(gaps="parley_stream_hub_gaps_total", unreadable="parley_stream_hub_unreadable_total"), "Anything but 0 is a defect."),
    ),
    "Parked": (
        ("Parked streams", "short", {"refuse commands": "sum(parley_decider_parked_streams)", "not projected": "sum(parley_projector_parked_streams)"}),
        ("Parked in the last hour", "short", {"decisions: {{cause}}": sum_by("cause", "increase(parley_decider_parkings_total[1h])"),
                                              "read models": "sum(increase(parley_projector_parkings_total[1h]))"}),
        ("Dead letters in the last hour", "short", {"": 'sum(increase(parley_decider_commands_total{outcome="dead"}[1h]))'}),
    ),
    "Resources": (
        ("Processors", "short", {BY_INSTANCE: sum_by("instance", rate("process_cpu_seconds_total" + OURS))}),
        ("Memory", "bytes", {BY_INSTANCE: sum_by("instance", "process_resident_memory_bytes" + OURS)}),
        ("Open files, of those allowed", "percentunit", {BY_INSTANCE: sum_by("instance", f"process_open_fds{OURS} / process_max_fds{OURS}")}),
        ("PostgreSQL connections", "short", {"{{instance}} {{pool}} {{state}}": sum_by("instance, pool, state", "parley_postgres_connections")}),
        ("Waiting", "short", {"for a connection: {{pool}}": sum_by("pool", "parley_postgres_waiting"), "queries": "sum(parley_http_queries_waiting)",
                              "passwords": "sum(parley_http_hashings_waiting)"}),
        ("HTTP", "short", {"connections": "sum(parley_http_connections)", "requests in flight": "sum(parley_http_requests_in_flight)"}),
        ("Answers that clients have not taken", "bytes", {BY_INSTANCE: sum_by("instance", "parley_http_unsent_bytes")}),
        ("Deciders' states", "bytes", {BY_INSTANCE: sum_by("instance", "parley_decider_store_bytes")}),
        ("Restarts in the last hour", "short", {BY_INSTANCE: sum_by("instance", f"changes(process_start_time_seconds{OURS}[1h])")}),
    ),
}


def dashboard():
    panels, y = [], 0
    for panel, x in zip(GLANCE, range(0, COLUMNS, COLUMNS // len(GLANCE))):
        panels.append(made("stat", panel, {"x": x, "y": y, "w": COLUMNS // len(GLANCE), "h": 4}))
    y += 4
    for title, row in ROWS.items():
        panels.append({"type": "row", "title": title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}, "panels": []})
        in_line = 3 if len(row) % 3 == 0 else 2
        for at, panel in enumerate(row):
            width = COLUMNS // in_line
            panels.append(made("timeseries", panel, {"x": at % in_line * width, "y": y + 1 + at // in_line * HEIGHT, "w": width, "h": HEIGHT}))
        y += 1 + -(-len(row) // in_line) * HEIGHT
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {"id": None, "uid": "parley", "title": "Parley", "tags": ["parley"], "schemaVersion": 37, "editable": True, "graphTooltip": 1, "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "annotations": {"list": []}, "panels": panels,
            "templating": {"list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]}}


def made(kind, panel, place):
    title, unit, queries, *text = panel
    return {"type": kind, "title": title, "description": " ".join(text), "gridPos": place, "datasource": SOURCE,
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend or title}
                        for at, (legend, expression) in enumerate(queries.items())]}


def text():
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
