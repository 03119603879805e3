// What a program does with the types that openapi-typescript makes of the API's document: client.js BASE. Prints what it saw as JSON.
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./replyx.js";

const base = process.argv[2]!;
const email = `typescript-${randomUUID()}@example.com`;
const api = createClient<paths>({ baseUrl: base });

function must<T>(answer: { data?: T; error?: components["schemas"]["Error"] }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

must(await api.POST("/api/auth/register", { body: { email, password: "password123", first_name: "John" } }));
const again = await api.POST("/api/auth/register", { body: { email, password: "password123" } });
if (again.response.status !== 409 || again.error?.error.code !== "EMAIL_TAKEN") throw new Error("registered twice");
const session = must(await api.POST("/api/auth/login", { body: { email, password: "password123" } }));

const owner = { Authorization: `Bearer ${session.access_token}` };
const me = must(await api.GET("/api/users/me", { headers: owner }));
if (me.email !== email || me.last_name !== null) throw new Error("somebody else");
const assistant = must(await api.POST("/api/assistants", {
  headers: owner, params: { header: { "Idempotency-Key": randomUUID() } }, body: { name: "Support", allowed_domains: ["example.com"] },
}));

const site = { "X-Site-Token": assistant.site_token };
const opened = must(await api.POST("/api/site/dialogs", { headers: site, body: { first_name: "Анна" } }));
const path = { dialog_id: opened.id };
must(await api.POST("/api/site/dialogs/{dialog_id}/messages", {
  headers: { ...site, "X-Guest-Id": opened.guest_id }, params: { path }, body: { text: "Привет!" },
}));
const answered = await api.POST("/api/dialogs/{dialog_id}/messages", {
  headers: owner, params: { path }, body: { text: "Добрый день", operator_name: "Иван" },
});
must(answered);
const header = { "X-Read-After": answered.response.headers.get("X-Event-Position")! };

const dialog = must(await api.GET("/api/dialogs/{dialog_id}", { headers: owner, params: { path, header } }));
const listed = must(await api.GET("/api/dialogs", { headers: owner, params: { query: { limit: 10, status: "active" }, header } }));
const { messages } = must(await api.GET("/api/dialogs/{dialog_id}/messages", { headers: owner, params: { path, header } }));
console.log(JSON.stringify({
  dialog: dialog.id === opened.id, assistant_name: dialog.assistant_name, first_name: dialog.first_name, total: listed.total,
  messages: messages.map((each) => [each.sender, each.text, each.operator_name ?? null]),
}));

// What the document does not say must not compile; never called.
export async function refusedByTheCompiler(): Promise<void> {
  // @ts-expect-error: the password is missing
  await api.POST("/api/auth/login", { body: { email } });
  // @ts-expect-error: no such status
  await api.GET("/api/dialogs", { params: { query: { status: "open" } } });
  // @ts-expect-error: no such path
  await api.GET("/api/dialog");
  // @ts-expect-error: a dialog has no such field
  console.log(dialog.title);
}
