"""nginx on the one public port: configuration and command."""

import dataclasses
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
from failures import Exit, OpsError, program
from settings import DEPS, ROOT
from supervisor import Command

NGINX = pathlib.Path("/usr/sbin/nginx")
CONNECTIONS_MAX = 32768  # of a worker; fewer where it may not have so many open files
FILES_SPARE = 512  # open files of a worker that are no connections
REQUESTS_SHARE = 0.4  # of all connections: requests under way take two each, and a fifth is left for those that are between requests
SWAGGER_UI = DEPS / "swagger-ui"  # for /docs; prerequisites.py fetches it
FILES = "/_files/"  # the internal location of the folder of files: what an API names by X-Accel-Redirect is sent from there
BODY_SPARE = 1 << 20  # above the API's limit of a body, so that the API refuses it in its own words
UPLOADS_MAX = 16  # files that clients are sending, each of them on the disk of the edge until it is whole
LARGE_BODIES_MAX = 128  # requests at once with 100,000 bytes and more, or with no length: up to 2 MB each on the disk

# nginx's own errors: its status, and the code in whose words the API would refuse it. 494 is nginx's own number.
ERRORS = {
    400: "BAD_REQUEST",
    403: "NOT_FOUND",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "PAYLOAD_TOO_LARGE",
    414: "URI_TOO_LONG",
    494: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    501: "BAD_REQUEST",  # a Transfer-Encoding other than chunked
    502: "UNAVAILABLE",
    503: "OVERLOADED",  # limit_conn
    504: "COMMAND_TIMEOUT",
    505: "HTTP_VERSION_NOT_SUPPORTED",
}
FROM_UPSTREAM = (502, 503, 504)  # when no API has answered: preflights too
ALLOWED_OF_THE_PAGE = {"Allow": "GET, HEAD"}
ANSWERS = ROOT / "ops" / "deploy" / "nginx"  # <surface>.answers.json, made of the surface's own declarations


@dataclasses.dataclass
class Mount:
    """A surface that the API serves, as the edge must know it."""

    name: str
    prefix: str  # before each of its paths; empty, or "/fluent"
    answers: dict

    @property
    def variable(self):
        """Its name as a part of nginx's variables."""
        return self.name.replace("-", "_")

    def paths(self, paths):
        """With the prefix."""
        if isinstance(paths, dict):
            return {self.prefix + path: value for path, value in paths.items()}
        return [self.prefix + path for path in paths]


def mounts(surfaces):
    """Of a setting: "replyx,other=/other"."""
    found = []
    for setting in surfaces.split(","):
        name, _, prefix = setting.partition("=")
        answers = ANSWERS / f"{name}.answers.json"
        if not answers.is_file():
            raise OpsError(f"--surfaces: the edge has no answers of a surface {name}", Exit.USAGE)
        found.append(Mount(name, prefix, json.loads(answers.read_text())))
    return found


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
    requests_max = int(REQUESTS_SHARE * connections_max * os.cpu_count())
    mounted = mounts(settings.surfaces)
    config = data_folder.write_config(
        settings, ROOT / "ops/deploy/nginx/nginx.conf.in", "nginx.conf",
        user="user www-data;" if root else f"# as {getpass.getuser()}", run=run, log=settings.data / "log", page=page,
        files_max=files_max, connections_max=connections_max, requests_max=requests_max,
        large_bodies_max=LARGE_BODIES_MAX, files_location=FILES, files=settings.data / "files", host=settings.host, port=settings.port,
        # Never put aside: on loopback a refused connection costs nothing, and an API that was just started again is asked at once.
        api_servers="\n".join(f"    server 127.0.0.1:{settings.api_port(number)} max_fails=0;"
                              for number in range(1, settings.apis + 1)),
        surfaces=surface_map(mounted), languages=language_maps(mounted), **cross_origin_maps(mounted),
        streams=quoted(pattern_of([path for mount in mounted for path in mount.paths(mount.answers["streams"])])),
        uploads="\n".join(upload_locations(mount.paths(mount.answers["uploads"]), requests_max) for mount in mounted),
        error_texts="\n".join(error_map(status, mounted) for status in ERRORS),
        error_locations="\n".join([*(f"    error_page {status} = /_error/$surface/{status};" for status in ERRORS),
                                   *(error_location(status, mount) for mount in mounted for status in ERRORS)]))
    return Command(name="edge", log=settings.data / "log" / "edge.log", ready=lambda: accepts(settings.port),
                   arguments=[NGINX, "-p", run, "-e", settings.data / "log" / "edge-error.log", "-c", config],
                   stop_signal=signal.SIGQUIT, stop_seconds=10, ports={"http": settings.port})


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text):
    """A value that nginx must not look for variables in: it has no way to write a $."""
    if "$" in text:
        raise ValueError(f"nginx would look for a variable in it: {text}")
    return quoted(text)


def map_of(source, variable, rows, default=None):
    """`rows`: (key, value), the first that matches counts. A key that begins with ~ is a pattern."""
    lines = [f"    {quoted(key)} {value};" for key, value in rows]
    if default is not None:
        lines.append(f"    default {default};")
    return "\n".join([f"  map {source} {variable} {{", *lines, "  }"])


def pattern_of(paths):
    """Of these paths of the API, `{name}` standing for any segment. nginx matches it against a normalised path, but for a slash at the end."""
    alternatives = "|".join(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for path in paths)
    return f"^(?:{alternatives})/?$" if paths else "^$"  # no path is empty


def upload_locations(uploads, requests_max):
    """Paths that take files: the whole body is received here first, as every body is; a larger one than the API takes is refused in the API's words."""
    return "\n".join(f"    location ~ {quoted(pattern_of([path]))} {{\n      client_max_body_size {bytes_max + BODY_SPARE};\n      limit_conn requests {requests_max};\n"
                     f"      limit_conn uploads {UPLOADS_MAX};\n      proxy_pass http://api;\n      proxy_ignore_client_abort on;\n    }}"
                     for path, bytes_max in uploads.items())


def surface_map(mounted):
    """$surface: the name of the one with the longest prefix of the path, of the first one where none is."""
    by_length = sorted((mount for mount in mounted if mount.prefix), key=lambda mount: len(mount.prefix), reverse=True)
    at_root = [mount for mount in mounted if not mount.prefix]
    return map_of("$asked_path", "$surface", [(f"~^{re.escape(mount.prefix)}(?:/|$)", mount.name) for mount in by_length], (at_root or mounted)[0].name)


def language_maps(mounted):
    """The language as a map of maps: the weight of each (RFC 9110, 12.4.2 and 12.5.4), then which of a surface's is highest, the first of equal ones."""
    every = sorted({language for mount in mounted for language in mount.answers["languages"]})
    maps = [weight_maps("any", r"\*", "0000"), *(weight_maps(language, rf"{language}(?:-[a-z0-9-]*)?", "$weight_of_any") for language in every)]
    for mount in mounted:
        best, *others = mount.answers["languages"]
        weight = f"$weight_of_{best}"
        for number, other in enumerate(others, 1):
            # Four digits each: the other one's is higher where, after the same digits, one is higher.
            higher = [rf"~^(\d*){digit}\d* \1[0-{digit - 1}]" for digit in range(1, 10)]
            source, name = f'"$weight_of_{other} {weight}"', f"of_{mount.variable}_among_{number + 1}"
            maps.append(map_of(source, f"$language_{name}", [(each, other) for each in higher], best))
            maps.append(map_of(source, f"$weight_{name}", [(each, f"$weight_of_{other}") for each in higher], weight))
            best, weight = f"$language_{name}", f"$weight_{name}"
        maps.append(map_of("$surface", f"$language_of_{mount.variable}", [(mount.name, best)], '""'))
    chosen = [(mount.name, f"$language_of_{mount.variable}") for mount in mounted]
    return "\n".join([*maps, map_of("$surface", "$error_language", chosen, '""')])


def weight_maps(name, language_range, unnamed):
    """$weight_of_<name>: the highest weight that Accept-Language gives the range, in thousandths, as four digits; `unnamed` where it does not name it.

    Found digit by digit: each is the highest that follows those before it.
    """
    def element(weight):
        return rf"(?:.*,)?[ \t]*{language_range}[ \t]*{weight}[ \t]*(?:,|$)"

    def weighted(q):
        return rf";[ \t]*q={q}[ \t]*"

    one, less = element(f"(?:{weighted('1(?:[.](?:0?0?|000[0-9]*))?')})?"), element(weighted("0(?:[.][0-9]*)?"))
    maps = [map_of("$http_accept_language", f"$units_of_{name}", [(f"~*^{one}", 1), (f"~*^{less}", 0)], '""')]
    before = ""
    for place in range(1, 4):
        rows = [("~*^([0-9]*) " + element(weighted(rf"0[.]\g{{1}}{digit}[0-9]*")), digit) for digit in range(9, 0, -1)]
        maps.append(map_of(f'"{before} $http_accept_language"', f"$digit_{place}_of_{name}", rows, 0))
        before += f"${{digit_{place}_of_{name}}}"
    return "\n".join([*maps, map_of(f"$units_of_{name}", f"$weight_of_{name}", [("1", "1000"), ("0", f'"0{before}"')], unnamed)])


def cross_origin_maps(mounted):
    """What lets a page read an answer is the same on every surface: the kernel says it."""
    paths = [(f"~{pattern_of([path])}", literal(methods)) for mount in mounted for path, methods in mount.paths(mount.answers["cross_origin"]["paths"]).items()]
    readable = [map_of("$page_that_may_read", variable, [("", '""')], value) for variable, value in readable_headers(mounted[0].answers["cross_origin"]).values()]
    return {"cross_origin": map_of("$asked_path", "$cross_origin_methods", paths, '""'), "readable": "\n".join(readable)}


def readable_headers(cross_origin):
    """name -> (the variable with its value, or nothing for a page that may not read; the value)"""
    return {name: ("$readable_" + name.lower().replace("-", "_"), header_value(value)) for name, value in cross_origin["readable"].items()}


def header_value(value):
    if value == "{origin}":
        return "$page_that_may_read"
    return "$cross_origin_methods" if value == "{methods}" else literal(value)


def own_error(status, mount):
    """The surface's answer in place of nginx's."""
    return next(error for error in mount.answers["errors"] if error["code"] == ERRORS[status])


def error_map(status, mounted):
    texts = [(f"{mount.name}:{language}", literal(own_error(status, mount)[language]["body"])) for mount in mounted for language in mount.answers["languages"]]
    return map_of('"$surface:$error_language"', f"$error_{status}", texts)


def add_headers(headers):
    return "".join(f" add_header {name} {value} always;" for name, value in headers.items())


def error_location(status, mount):
    answer, cross_origin = own_error(status, mount), mount.answers["cross_origin"]
    headers = {name: literal(value) for name, value in answer[mount.answers["languages"][0]]["headers"].items()}
    content_type = headers.pop("Content-Type")
    own = {"X-Request-Id": "$request_id_kept"}
    headers |= own | {"Content-Language": "$error_language"} | {name: variable for name, (variable, _) in readable_headers(cross_origin).items()}
    if status == 405:
        headers |= {name: literal(value) for name, value in ALLOWED_OF_THE_PAGE.items()}
    preflight = ""
    if status in FROM_UPSTREAM:
        allowed = own | {name: header_value(value) for name, value in cross_origin["preflight"].items()}
        preflight = f" if ($is_preflight) {{{add_headers(allowed)} return 204; }}"
    return (f"    location = /_error/{mount.name}/{status} {{ internal; charset off; default_type {content_type};"
            f"{add_headers(headers)}{preflight} return {answer['status']} $error_{status}; }}")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
