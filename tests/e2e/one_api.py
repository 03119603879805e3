"""One of several API processes, asked without a retry of anybody's."""

import http.client
import json


class OneApi:
    """One API process, asked past the edge."""

    def __init__(self, port, patience_s):
        self._port, self._patience_s = port, patience_s

    def call(self, method, path, body=None, token=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience_s)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {}), **({"Idempotency-Key": key} if key else {})}
        try:
            connection.request(method, path, "" if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()
