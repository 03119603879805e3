#!/usr/bin/python3
"""The feed of an account: everything new in its dialogs, once, in the order of each, over any number of connections. Needs PARLEY_TEST_BASE."""

import collections
import json
import threading

from contract import Caller, ContractTest, Dialog, main, read_numbers, write_numbers
from streams_test import Stream

WRITERS, MESSAGES = 3, 25
CUT_EVERY = 7  # events


class FeedStream(Stream):
    """Frames are (id or None, data or None), with ids as text."""

    def frame(self):
        identity = data = None
        while line := self.response.readline().decode():
            line = line.rstrip("\n")
            if line.startswith("id:"):
                identity = line[3:].strip()
            elif line.startswith("data:"):
                data = line[5:].lstrip(" ")
            elif not line and (identity is not None or data is not None):
                return identity, data and (data if data == "__ping__" else json.loads(data))
        raise EOFError("the stream ended")


class Feed(ContractTest):
    def setUp(self):
        self.account = self.register()
        self.token = self.account.headers["Authorization"].removeprefix("Bearer ")
        assistant = self.account.post("/api/assistants", {"name": "Feed"}).json
        self.assistant_id, self.site_token = assistant["id"], assistant["site_token"]

    def open(self, last=None, **query):
        headers = {"Authorization": "Bearer " + self.token, **({"Last-Event-ID": last} if last else {})}
        stream = FeedStream("/api/events", query, headers)
        self.assertEqual(stream.status, 200)
        self.assertEqual(stream.frame()[1]["type"], "connection.established")
        return stream

    def next(self, stream, count):
        """So many events: [(id, data)]."""
        found = []
        while len(found) < count:
            identity, data = stream.frame()
            if data and data != "__ping__":
                found.append((identity, data))
        return found

    def test_it_has_everything_of_the_account_and_nothing_of_others(self):
        with self.open() as stream:
            begin, data = stream.frame()
            self.assertTrue(begin and data is None)
            self.open_dialog()  # another account's
            dialog = Dialog(self.account, self.site_token, first_name="Иван")
            posted = dialog.visitor.post(dialog.visitor_path, {"text": "Привет\n"}).json
            self.account.post(dialog.path + "/archive")
            answered = self.account.post(dialog.path + "/messages", {"text": "!", "operator_name": "Анна"}).json
            dialog.visitor.post(dialog.visitor_path, {"text": "?"})
            events = [data for identity, data in self.next(stream, 6) if self.assertTrue(identity) is None]
        self.assertEqual([event["type"] for event in events],
                         ["dialog.created", "dialog.message.created", "dialog.archived", "dialog.message.created", "dialog.message.created", "dialog.unarchived"])
        self.assertEqual({event["dialog_id"] for event in events}, {dialog.id})
        self.assertEqual(events[0]["dialog"], {"id": dialog.id, "assistant_id": self.assistant_id, "platform": "website", "first_name": "Иван", "status": "active",
                                               "created_at": dialog.opened["created_at"]})
        for event, message in ((events[1], posted), (events[3], answered)):
            self.assertEqual(event["message"], {name: value for name, value in message.items() if name != "dialog_id"})
        with self.open(begin) as again:
            self.assertEqual([data for _, data in self.next(again, 6)], events)
        with self.open(last_event_id=begin) as again:
            self.assertEqual(self.next(again, 1)[0][1], events[0])
        with FeedStream("/api/events", {"token": self.token, "last_event_id": begin}) as again:
            again.frame()
            self.assertEqual(self.next(again, 1)[0][1], events[0])

    def test_each_event_comes_once_and_in_order_over_connections_that_are_cut_while_others_write(self):
        with self.open() as stream:
            last = stream.frame()[0]
        dialogs = [Dialog(self.account, self.site_token) for _ in range(WRITERS)]

        def write(dialog):
            for number in range(MESSAGES):
                assert dialog.visitor.post(dialog.visitor_path, {"text": str(number)}).status == 201

        writers = [threading.Thread(target=write, args=(dialog,)) for dialog in dialogs]
        for writer in writers:
            writer.start()
        seen, connections = collections.defaultdict(list), 0
        while (missing := WRITERS * (1 + MESSAGES) - sum(map(len, seen.values()))) > 0:
            connections += 1
            with self.open(last) as stream:
                for identity, data in self.next(stream, min(CUT_EVERY, missing)):
                    seen[data["dialog_id"]].append("created" if data["type"] == "dialog.created" else int(data["message"]["text"]))
                    last = identity
        for writer in writers:
            writer.join()
        self.assertEqual(dict(seen), {dialog.id: ["created", *range(MESSAGES)] for dialog in dialogs})
        self.assertGreater(connections, WRITERS)
        after = dialogs[0].visitor.post(dialogs[0].visitor_path, {"text": "after"}).json
        with self.open(last) as stream:
            self.assertEqual(self.next(stream, 1)[0][1]["message"]["id"], after["id"])

    def test_who_is_typing_is_told_without_an_id(self):
        dialog = Dialog(self.account, self.site_token)
        with self.open() as stream:
            stream.frame()
            self.assertEqual(dialog.visitor.post(f"/api/site/dialogs/{dialog.id}/typing").status, 204)
            identity, data = stream.frame()
            self.assertEqual((identity, data["type"], data["dialog_id"]), (None, "visitor.typing", dialog.id))

    def test_an_id_of_another_log_is_told_and_what_is_no_id_is_refused(self):
        with self.open() as stream:
            begin = stream.frame()[0]
        with self.open("zzzzzzzz." + begin.partition(".")[2]) as stream:
            identity, data = stream.frame()
            self.assertEqual(data["type"], "stream.reset")
            self.assertTrue(identity)
        for wrong in ("0", "x", begin + "AA", begin.partition(".")[0]):
            with FeedStream("/api/events", {}, {"Authorization": "Bearer " + self.token, "Last-Event-ID": wrong}) as stream:
                self.assert_error(stream.answer(), 422, "INVALID_LAST_EVENT_ID", "Last-Event-ID")

    def test_a_position_that_the_log_has_not_reached_is_told_and_what_comes_then_is_shown(self):
        with self.open() as stream:
            log, numbers = read_numbers(stream.frame()[0])
        lost = write_numbers(log, [number + 1_000_000 for number in numbers])
        with self.open(lost) as stream:
            frames = [stream.frame(), stream.frame()]
            self.assertEqual([data and data["type"] for _, data in frames], [None, "stream.reset"])
            begins = read_numbers(frames[1][0])[1]
            self.assertTrue(any(number < 1_000_000 + before for number, before in zip(begins, numbers)), begins)
            dialog = Dialog(self.account, self.site_token)
            (identity, event), = self.next(stream, 1)
            self.assertEqual((event["type"], event["dialog_id"]), ("dialog.created", dialog.id))
        with self.open(identity) as again:
            posted = dialog.visitor.post(dialog.visitor_path, {"text": "?"}).json
            (_, event), = self.next(again, 1)
            self.assertEqual(event["message"]["id"], posted["id"])

    def test_it_is_for_accounts_alone(self):
        for query, headers in (({}, {}), ({"token": "x"}, {}), ({"site_token": self.site_token}, {}), ({"token": self.token}, {"Authorization": "Bearer x"})):
            with FeedStream("/api/events", query, headers) as stream:
                self.assert_error(stream.answer(), 401, "NOT_AUTHENTICATED")
        self.assertEqual(Caller(Authorization="Bearer " + self.token).call("HEAD", "/api/events").body, b"")


if __name__ == "__main__":
    main()
