#!/usr/bin/python3
"""Event streams as they are documented: who may follow, from where on, and in which form. Needs PARLEY_TEST_BASE."""

import http.client
import json
import time
from urllib.parse import urlencode, urlsplit

from contract import BASE, TIME, Answer, Caller, ContractTest, main

DEADLINE_S = 20.0
PING_S = 15.0
TYPING_PAUSE_S = 1.0


class Stream:
    """An open stream. Frames are (id or None, data or None)."""

    def __init__(self, path, query=None, headers=None):
        parts = urlsplit(BASE)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE_S)
        self.connection.request("GET", path + ("?" + urlencode(query) if query else ""), headers={"Accept-Language": "en", **(headers or {})})
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.response.close()
        self.connection.close()

    def frame(self):
        identity = data = None
        while line := self.response.readline().decode():
            line = line.rstrip("\n")
            if line.startswith("id:"):
                identity = int(line[3:])
            elif line.startswith("data:"):
                data = line[5:].lstrip(" ")
            elif not line and (identity is not None or data is not None):
                return identity, data
        raise EOFError("the stream ended")

    def until(self, version):
        """All frames up to that id, pings left out."""
        frames, deadline = [], time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            identity, data = self.frame()
            if data != "__ping__":
                frames.append((identity, data and json.loads(data)))
            if identity is not None and identity >= version:
                return frames
        raise TimeoutError(f"version {version} did not come: {frames}")

    def answer(self):
        return Answer(self.status, self.response.getheaders(), self.response.read())


class Streams(ContractTest):
    def setUp(self):
        self.dialog = self.open_dialog()
        self.path = self.dialog.path + "/events"
        self.token = self.owner.headers["Authorization"].removeprefix("Bearer ")
        guest = self.dialog.opened["guest_id"]
        self.ways_in = {
            "authorization": {"headers": {"Authorization": "Bearer " + self.token}},
            "token": {"query": {"token": self.token}},
            "site_token": {"query": {"site_token": self.site_token, "guest_id": guest}},
            "assistant_id": {"query": {"assistant_id": self.assistant["id"], "guest_id": guest}},
        }

    def say(self, text):
        return self.dialog.visitor.post(self.dialog.visitor_path, {"text": text}).json

    def open(self, way="authorization", **more):
        given = self.ways_in[way]
        return Stream(self.path, {**given.get("query", {}), **more.get("query", {})}, {**given.get("headers", {}), **more.get("headers", {})})

    def texts(self, frames):
        return [(identity, data["message"]["text"]) for identity, data in frames if data and data["type"] == "dialog.message.created"]

    def test_everybody_who_may_follow_sees_the_same(self):
        for way in self.ways_in:
            with self.subTest(way=way), self.open(way) as stream:
                self.assertEqual(stream.status, 200)
                self.assertEqual(stream.response.getheader("Content-Type"), "text/event-stream")
                _, first = stream.frame()
                first = json.loads(first)
                self.assertEqual(first["type"], "connection.established")
                self.assertTrue(first["client_id"])
                self.assertRegex(first["timestamp"], TIME)
                posted = self.say("Привет\n\n👋")
                identity, event = stream.until(posted["id"] and self.owner.get(self.dialog.path + "/messages").json["version"])[-1]
                message = {name: value for name, value in posted.items() if name != "dialog_id"}
                self.assertEqual(event, {"type": "dialog.message.created", "dialog_id": self.dialog.id, "message": message, "timestamp": event["timestamp"]})
                self.assertGreater(identity, 1)

    def test_0_is_everything_and_an_id_is_what_came_after_it(self):
        for text in "abc":
            self.say(text)
        for last, expected in ((0, [(2, "a"), (3, "b"), (4, "c")]), (2, [(3, "b"), (4, "c")]), (3, [(4, "c")])):
            for given in ({"query": {"last_event_id": last}}, {"headers": {"Last-Event-ID": str(last)}}, {"query": {"last_event_id": 4}, "headers": {"Last-Event-ID": str(last)}}):
                with self.subTest(last=last, given=given), self.open(**given) as stream:
                    self.assertEqual(self.texts(stream.until(4)), expected)

    def test_a_stream_without_an_id_begins_now(self):
        self.say("before")
        with self.open() as stream:
            stream.frame()
            self.say("after")
            self.assertEqual(self.texts(stream.until(3)), [(3, "after")])

    def test_reading_goes_on_in_the_stream_where_it_ended(self):
        self.say("read")
        version = self.dialog.visitor.get(self.dialog.visitor_path).json["version"]
        self.say("streamed")
        with self.open("site_token", query={"last_event_id": version}) as stream:
            self.assertEqual(self.texts(stream.until(3)), [(3, "streamed")])

    def test_an_id_that_is_none_is_refused(self):
        for last in ("x", "-1", "1.5", "01", "9007199254740992"):
            for given, field in (({"query": {"last_event_id": last}}, "last_event_id"), ({"headers": {"Last-Event-ID": last}}, "Last-Event-ID"),
                                 ({"query": {"last_event_id": last}, "headers": {"Last-Event-ID": "1"}}, "last_event_id")):
                with self.subTest(given=given), self.open(**given) as stream:
                    self.assert_error(stream.answer(), 422, "INVALID_LAST_EVENT_ID", field)

    def test_who_may_not_follow_is_told_so_in_the_form_of_every_error(self):
        guest, others = self.dialog.opened["guest_id"], self.register()
        for query, headers, status, code in (
                ({}, {}, 401, "NOT_AUTHENTICATED"), ({"token": "x"}, {}, 401, "NOT_AUTHENTICATED"), ({"token": ""}, {}, 401, "NOT_AUTHENTICATED"),
                ({"site_token": "st_wrong", "guest_id": guest}, {}, 401, "NOT_AUTHENTICATED"), ({"site_token": self.site_token}, {}, 401, "NOT_AUTHENTICATED"),
                ({"site_token": self.site_token, "guest_id": "wrong"}, {}, 404, "DIALOG_NOT_FOUND"), ({"guest_id": guest}, {}, 401, "NOT_AUTHENTICATED"),
                ({"assistant_id": self.assistant["id"], "guest_id": "wrong"}, {}, 404, "DIALOG_NOT_FOUND"), ({"assistant_id": "x", "guest_id": guest}, {}, 401, "NOT_AUTHENTICATED"),
                ({"assistant_id": self.assistant["id"] + 1024, "guest_id": guest}, {}, 401, "NOT_AUTHENTICATED"),
                ({"token": self.token}, {"Authorization": "Bearer x"}, 401, "NOT_AUTHENTICATED"), ({}, others.headers, 404, "DIALOG_NOT_FOUND")):
            with self.subTest(query=query, headers=headers), Stream(self.path, query, headers) as stream:
                self.assert_error(stream.answer(), status, code)

    def test_silence_is_pinged(self):
        with self.open() as stream:
            self.assertEqual(json.loads(stream.frame()[1])["type"], "connection.established")
            self.assertEqual(stream.frame(), (1, None))  # where "now" is, for whoever reconnects
            began = time.monotonic()
            self.assertEqual(stream.frame(), (None, "__ping__"))
            self.assertLess(time.monotonic() - began, PING_S + 3)

    def test_who_is_typing_is_told_at_once_without_an_id(self):
        with self.open() as ours, self.open("site_token") as theirs:
            for stream in (ours, theirs):
                stream.frame()
                self.assertEqual(stream.frame(), (1, None))
            began = time.monotonic()
            self.assertEqual(self.owner.post(self.dialog.path + "/typing", {"operator_name": "Анна"}).status, 204)
            for stream in (ours, theirs):
                identity, data = stream.frame()
                event = json.loads(data)
                self.assertIsNone(identity)
                self.assertEqual(event, {"type": "operator.typing", "dialog_id": self.dialog.id, "operator_name": "Анна", "timestamp": event["timestamp"]})
                self.assertRegex(event["timestamp"], TIME)
            print(f"typing was seen after {1000 * (time.monotonic() - began):.0f} ms")
            self.assertEqual(self.dialog.visitor.post(f"/api/site/dialogs/{self.dialog.id}/typing").status, 204)
            self.assertEqual(json.loads(ours.frame()[1])["type"], "visitor.typing")
            self.say("typed")
            self.assertEqual(self.texts([(identity, json.loads(data)) for identity, data in (ours.frame(), theirs.frame())]), [(2, "typed")] * 2)

    def test_a_flood_of_typing_is_bounded(self):
        with self.open() as stream:
            stream.frame()
            self.assertEqual(stream.frame(), (1, None))
            began = time.monotonic()
            for _ in range(50):
                self.assertEqual(self.owner.post(self.dialog.path + "/typing").status, 204)
            took = time.monotonic() - began
            self.say("end")
            frames = stream.until(2)
            self.assertLessEqual(len(frames) - 1, took / TYPING_PAUSE_S + 1)
            self.assertGreater(len(frames), 1)

    def test_typing_in_a_dialog_of_somebody_else_is_refused(self):
        stranger = self.register()
        self.assert_error(stranger.post(self.dialog.path + "/typing"), 404, "DIALOG_NOT_FOUND")
        self.assert_error(self.owner.post(f"/api/dialogs/{self.dialog.id + 1024 * 1_000_000}/typing"), 404, "DIALOG_NOT_FOUND")
        self.assert_error(self.nobody.post(self.dialog.path + "/typing"), 401, "NOT_AUTHENTICATED")
        self.assert_error(self.owner.post(self.dialog.path + "/typing", {"operator_name": "a" * 101}), 422, "VALIDATION_ERROR", "operator_name")
        self.assert_error(self.dialog.site.post(f"/api/site/dialogs/{self.dialog.id}/typing", X_Guest_Id="wrong"), 404, "DIALOG_NOT_FOUND")

    def test_head_gets_the_head_alone(self):
        answer = Caller(Authorization="Bearer " + self.token).call("HEAD", self.path)
        self.assertEqual((answer.status, answer.body), (200, b""))


if __name__ == "__main__":
    main()
