"""nginx on the one public port: configuration and command."""

import getpass
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket

import data_folder
from failures import program
from settings import DEPS, ROOT
from supervisor import Command

NGINX = pathlib.Path("/usr/sbin/nginx")
CONNECTIONS_MAX = 32768  # of a worker; fewer where it may not have so many open files
FILES_SPARE = 512  # open files of a worker that are no connections
REQUESTS_SHARE = 0.4  # of all connections: requests under way take two each, and a fifth is left for those that are between requests
SWAGGER_UI = DEPS / "swagger-ui"  # for /docs; prerequisites.py fetches it
LARGE_BODIES_MAX = 128  # requests at once with 100,000 bytes and more, or with no length: up to 2 MB each on the disk

# nginx's own errors: its status, the code in the API's table, the status that the client gets. 494 is nginx's own number.
ERRORS = (
    (400, "BAD_REQUEST", 400),
    (403, "NOT_FOUND", 404),
    (404, "NOT_FOUND", 404),
    (405, "METHOD_NOT_ALLOWED", 405),
    (408, "REQUEST_TIMEOUT", 408),
    (413, "PAYLOAD_TOO_LARGE", 413),
    (414, "URI_TOO_LONG", 414),
    (416, "BAD_REQUEST", 416),
    (494, "HEADERS_TOO_LARGE", 431),
    (500, "INTERNAL_ERROR", 500),
    (501, "BAD_REQUEST", 400),  # a Transfer-Encoding other than chunked
    (502, "UNAVAILABLE", 503),
    (503, "UNAVAILABLE", 503),
    (504, "COMMAND_TIMEOUT", 504),
    (505, "HTTP_VERSION_NOT_SUPPORTED", 505),
)
HEADERS = {405: 'Allow "GET, HEAD"', 502: "Retry-After 1", 503: "Retry-After 1"}
ERROR_ROW = re.compile(r'\{Code::\w+,\s*"(\w+)",\s*\d+,\s*\w+,\s*"([^"]*)",\s*"([^"]*)"\}')


def check():
    """OpsError when nginx is missing."""
    program(NGINX, "nginx")


def command(settings, root):
    """Writes the configuration and the page into the data folder. `root`: whether nginx starts as root."""
    run = settings.data / "edge"
    run.mkdir(exist_ok=True)
    page = run / "page"
    shutil.rmtree(page, ignore_errors=True)
    if settings.page.is_dir():
        shutil.copytree(settings.page, page)  # its workers' user may not be able to read where the sources are
        if SWAGGER_UI.is_dir():
            shutil.copytree(SWAGGER_UI, page / "swagger-ui")
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files_max = min(files_max, CONNECTIONS_MAX + FILES_SPARE) if files_max > 0 else CONNECTIONS_MAX + FILES_SPARE
    connections_max = files_max - FILES_SPARE
    texts = error_texts()
    config = data_folder.write_config(
        settings, ROOT / "ops/nginx/nginx.conf.in", "nginx.conf",
        user="user www-data;" if root else f"# as {getpass.getuser()}", run=run, log=settings.data / "log", page=page,
        files_max=files_max, connections_max=connections_max, requests_max=int(REQUESTS_SHARE * connections_max * os.cpu_count()),
        large_bodies_max=LARGE_BODIES_MAX, host=settings.host, port=settings.port,
        # Never put aside: on loopback a refused connection costs nothing, and an API that was just started again is asked at once.
        api_servers="\n".join(f"    server 127.0.0.1:{settings.api_port(number)} max_fails=0;"
                              for number in range(1, settings.apis + 1)),
        error_texts="\n".join(error_map(status, code, texts) for status, code, _ in ERRORS),
        error_locations="\n".join(error_location(status, answered_as) for status, _, answered_as in ERRORS))
    return Command(name="edge", log=settings.data / "log" / "edge.log", ready=lambda: accepts(settings.port),
                   arguments=[NGINX, "-p", run, "-e", settings.data / "log" / "edge-error.log", "-c", config],
                   stop_signal=signal.SIGQUIT, stop_seconds=10, ports={"http": settings.port})


def error_texts():
    """Code -> (Russian, English), from the table that the API is compiled with."""
    return {code: (russian, english) for code, russian, english in ERROR_ROW.findall((ROOT / "schemas" / "errors.cc").read_text())}


def error_map(status, code, texts):
    def body(message):
        return json.dumps({"error": {"code": code, "message": message, "details": {}}}, ensure_ascii=False, separators=(",", ":"))

    russian, english = texts[code]
    return f"  map $english $error_{status} {{\n    1 '{body(english)}';\n    default '{body(russian)}';\n  }}"


def error_location(status, answered_as):
    header = f" add_header {HEADERS[status]} always;" if status in HEADERS else ""
    return (f"    error_page {status} ={answered_as} /_error/{status};\n"
            f"    location = /_error/{status} {{ internal; default_type application/json;"
            f" add_header X-Request-Id $request_id_kept always; add_header Content-Language $error_language always;{header} return {answered_as} $error_{status}; }}")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
