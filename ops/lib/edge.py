"""nginx on the one public port: configuration and command."""

import getpass
import json
import resource
import shutil
import socket

import data_folder
from settings import ROOT
from supervisor import Command

CONNECTIONS_MAX = 16384  # of a worker
FILES_SPARE = 512  # open files of a worker that are no connections

# nginx's own errors, in the form of the API's: status, code, Russian, English.
# 494 is nginx's number for too large a header; the client gets 431.
ERRORS = (
    (400, "BAD_REQUEST", "Некорректный HTTP-запрос", "The HTTP request is malformed"),
    (404, "NOT_FOUND", "Не найдено", "Not found"),
    (405, "METHOD_NOT_ALLOWED", "Метод не поддерживается", "The method is not allowed here"),
    (408, "REQUEST_TIMEOUT", "Запрос не пришёл вовремя", "The request did not arrive in time"),
    (413, "PAYLOAD_TOO_LARGE", "Тело запроса слишком велико", "The request body is too large"),
    (414, "URI_TOO_LONG", "Адрес запроса слишком длинный", "The request target is too long"),
    (494, "HEADERS_TOO_LARGE", "Заголовки запроса слишком велики", "The request headers are too large"),
    (502, "SERVICE_UNAVAILABLE", "Сервис временно недоступен", "The service is temporarily unavailable"),
    (503, "SERVICE_UNAVAILABLE", "Сервис временно недоступен", "The service is temporarily unavailable"),
    (504, "TIMEOUT", "Сервис не ответил вовремя", "The service did not answer in time"),
)
ANSWERED_AS = {494: 431, 502: 503}
RETRY_AFTER_SECONDS = {502: 1, 503: 1}


def command(settings, root):
    """Writes the configuration and the page into the data folder. `root`: whether nginx starts as root."""
    run = settings.data / "edge"
    run.mkdir(exist_ok=True)
    page = run / "page"
    shutil.rmtree(page, ignore_errors=True)
    if settings.page.is_dir():
        shutil.copytree(settings.page, page)  # its workers' user may not be able to read where the sources are
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files_max = min(files_max, 2 * CONNECTIONS_MAX + FILES_SPARE) if files_max > 0 else 2 * CONNECTIONS_MAX
    config = data_folder.write_config(
        settings, ROOT / "ops/nginx/nginx.conf.in", "nginx.conf",
        user="user www-data;" if root else f"# as {getpass.getuser()}", run=run, log=settings.data / "log", page=page,
        files_max=files_max, connections_max=min(CONNECTIONS_MAX, files_max - FILES_SPARE), host=settings.host, port=settings.port,
        api_servers="\n".join(f"    server 127.0.0.1:{settings.api_port(number)} max_fails=1 fail_timeout=2s;"
                              for number in range(1, settings.apis + 1)),
        error_texts="\n".join(error_text(*error) for error in ERRORS),
        error_locations="\n".join(error_location(status) for status, *_ in ERRORS))
    return Command(name="edge", log=settings.data / "log" / "edge.log", ready=lambda: accepts(settings.port),
                   arguments=["/usr/sbin/nginx", "-p", run, "-e", settings.data / "log" / "edge-error.log", "-c", config],
                   stop_signal=3, stop_seconds=10, ports={"http": settings.port})


def error_text(status, code, russian, english):
    def body(message):
        return json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False, separators=(",", ":"))

    return f"  map $english $error_{status} {{\n    1 '{body(english)}';\n    default '{body(russian)}';\n  }}"


def error_location(status):
    retry = f" add_header Retry-After {RETRY_AFTER_SECONDS[status]} always;" if status in RETRY_AFTER_SECONDS else ""
    return (f"    error_page {status} @{status};\n    location @{status} {{ default_type application/json; charset utf-8; charset_types application/json;"
            f" add_header X-Request-Id $request_id_kept always;{retry} return {ANSWERED_AS.get(status, status)} $error_{status}; }}")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
