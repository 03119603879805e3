"""What a program does with the client that openapi-python-client makes of the API's document: client.py BASE. Prints what it saw as JSON."""

import json
import secrets
import sys

from replyx import AuthenticatedClient, Client
from replyx.api.assistants import create_assistant, list_assistants
from replyx.api.authentication import log_in, register
from replyx.api.dialogs import get_dialog, list_dialogs, list_messages, post_operator_message
from replyx.api.site import open_dialog, post_visitor_message
from replyx.api.users import get_me
from replyx.models import CreateAssistantRequest, Error, LogInRequest, OpenDialogRequest, OperatorMessage, RegisterRequest, Session, VisitorMessage
from replyx.types import UNSET

base = sys.argv[1]
email = f"python-{secrets.token_hex(8)}@example.com"
anybody = Client(base_url=base)

session = register.sync(client=anybody, body=RegisterRequest(email=email, password="password123", first_name="John"))
assert isinstance(session, Session), session
again = register.sync_detailed(client=anybody, body=RegisterRequest(email=email, password="password123"))
assert again.status_code == 409 and isinstance(again.parsed, Error) and again.parsed.error.code == "EMAIL_TAKEN", again
session = log_in.sync(client=anybody, body=LogInRequest(email=email, password="password123"))

owner = AuthenticatedClient(base_url=base, token=session.access_token)
me = get_me.sync(client=owner)
assert (me.email, me.first_name, me.last_name) == (email, "John", None), me
created = create_assistant.sync_detailed(client=owner, body=CreateAssistantRequest(name="Support", allowed_domains=["example.com"]), idempotency_key=secrets.token_hex(16))
repeated = [each.id for each in list_assistants.sync(client=owner, x_read_after=created.headers["X-Event-Position"])]
assert repeated == [created.parsed.id], repeated

opened = open_dialog.sync(client=AuthenticatedClient(base_url=base, token=created.parsed.site_token, prefix="", auth_header_name="X-Site-Token"),
                          body=OpenDialogRequest(first_name="Анна"))
visitor = AuthenticatedClient(base_url=base, token=created.parsed.site_token, prefix="", auth_header_name="X-Site-Token").with_headers({"X-Guest-Id": opened.guest_id})
post_visitor_message.sync(opened.id, client=visitor, body=VisitorMessage(text="Привет!"))
answered = post_operator_message.sync_detailed(opened.id, client=owner, body=OperatorMessage(text="Добрый день", operator_name="Иван"))
after = answered.headers["X-Event-Position"]

dialog = get_dialog.sync(opened.id, client=owner, x_read_after=after)
listed = list_dialogs.sync(client=owner, limit=10, x_read_after=after)
messages = list_messages.sync(opened.id, client=owner, x_read_after=after).messages
print(json.dumps({"dialog": dialog.id == opened.id, "assistant_name": dialog.assistant_name, "first_name": dialog.first_name, "total": listed.total,
                  "messages": [[each.sender, each.text, None if each.operator_name is UNSET else each.operator_name] for each in messages]}))
