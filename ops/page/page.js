import { call, follow, pause, Refusal } from "./calls.js";
import { Diagram } from "./diagram.js";
import { otherLanguage, preferredLanguage, wordsOf } from "./words.js";

const ACCOUNT_KEY = "parley.account"; // a generated demo account: e-mail, password, token, assistant
const VISITOR_KEY = "parley.visitor"; // the dialog that the visitor on the left is in, and its secret
const LIST_REFRESH_MS = 10_000;
const DIALOGS_SHOWN_MAX = 50;
const STEP_MS = 280; // between two lights of the diagram: the real ones are too fast to see
const SCRIPT_PAUSE_MS = 1_300;
const START_RETRY_MS = 2_000;
const LATE_READ_MS = 250;
const LATE_READS_MAX = 120; // half a minute: PostgreSQL may be away for longer, then the next event reads again
const NO_HASH = "00000000"; // what the first event of a stream is chained to

const $ = (id) => document.getElementById(id);
const store = {
  read: (key) => JSON.parse(localStorage.getItem(key) ?? "null"),
  write: (key, value) => localStorage.setItem(key, JSON.stringify(value)),
};

let language = preferredLanguage();
let words = wordsOf(language);
let account = null;
let visitor = null; // {id, guestId}
let selected = null; // the dialog on the owner's side, whose events are shown
let dialogs = [];
let events = [];
let historyReadable = true;
let lateReads = 0;
let measurement = null;
let endVisitorStream = () => {};
let endOwnerStream = () => {};
const underWay = []; // messages that were sent from here and have not come back on a stream
const diagram = new Diagram($("diagram"), words);

// ---- small pieces of DOM; text only ever goes in as text ----

function node(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function say(text) {
  $("status").textContent = text;
  $("status").hidden = !text;
}

const request = (method, path, options = {}) =>
  call(method, path, { language, ...options, onRepeat: (n) => { say(words.repeating(n)); options.onRepeat?.(n); } })
    .then((answer) => { say(""); return answer; });

const ownerHeaders = () => ({ Authorization: `Bearer ${account.token}` });
const visitorHeaders = () => ({ "X-Site-Token": account.siteToken, "X-Guest-Id": visitor.guestId });

const timeOf = (stamp) => new Date(stamp).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", fractionalSecondDigits: 3 });
const short = (text) => (text?.length > 8 ? text.slice(0, 8) : text ?? "");

// ---- language ----

function translate() {
  document.documentElement.lang = language;
  for (const place of document.querySelectorAll("[data-text]")) place.textContent = words[place.dataset.text];
  for (const place of document.querySelectorAll("[data-placeholder]")) place.placeholder = words[place.dataset.placeholder];
  for (const place of document.querySelectorAll("[data-label]")) place.setAttribute("aria-label", words[place.dataset.label]);
  diagram.speak(words);
  showNotes();
  showDialogs();
  showEvents();
  showMeasurement();
}

function showNotes() {
  $("visitor-note").textContent = visitor ? words.visitor_dialog(visitor.id) : words.visitor_empty;
  $("owner-note").textContent = account ? words.owner_note(account.email) : words.owner_waiting;
}

// ---- the way of a message ----

function showMeasurement() {
  $("measured").textContent = measurement ? words.measured(measurement) : words.measured_none;
}

/** One message that was sent from here, from the click to the two proofs that it arrived: the stream and the answer. */
class Passage {
  #start = performance.now();
  #next = 0;
  #decided = false;
  #measured = {};

  constructor(sender, text) {
    this.sender = sender;
    this.text = text;
    measurement = this.#measured;
    this.#light("command");
  }

  onStream() {
    this.#measured.stream = this.#elapsed();
    this.#arrived("stream");
  }

  onAnswer({ position, repeats }) {
    Object.assign(this.#measured, { answer: this.#elapsed(), position, repeats });
    this.#arrived("projection");
  }

  #elapsed() {
    return Math.round(performance.now() - this.#start);
  }

  // Either proof says that the command was decided and the event is in the log.
  #arrived(stage) {
    if (!this.#decided) ["decider", "event_stage"].forEach((passed) => this.#light(passed));
    this.#decided = true;
    this.#light(stage);
    showMeasurement();
  }

  #light(stage) {
    const now = performance.now();
    const at = Math.max(now, this.#next);
    if (stage !== "projection" && stage !== "stream") this.#next = at + STEP_MS; // those two are lit side by side
    setTimeout(() => diagram.light(stage), at - now);
  }
}

// ---- messages ----

function bubble(message, version) {
  const name = message.sender === "user" ? words.visitor : message.operator_name ?? words.owner;
  const meta = node("span", "meta", node("bdi", "", name), version ? ` · ${timeOf(message.created_at)} · v${version}` : " · …");
  return node("li", `message ${message.sender === "user" ? "by-visitor" : "by-owner"}${version ? "" : " pending"}`, node("p", "", message.text), meta);
}

function append(list, item) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const firstPending = list.querySelector(".pending");
  if (item.classList.contains("pending") || !firstPending) list.append(item);
  else list.insertBefore(item, firstPending);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** The stream brought a message: it takes the place of the one that waits, if it was sent from here. */
function deliver(list, version, { message }) {
  const index = underWay.findIndex((waiting) => waiting.list === list && waiting.sender === message.sender && waiting.text === message.text);
  if (index >= 0) {
    const [waiting] = underWay.splice(index, 1);
    waiting.item.remove();
    waiting.passage.onStream();
  }
  append(list, bubble(message, version));
}

async function send(sender, list, path, headers, body) {
  const passage = new Passage(sender, body.text);
  const item = bubble({ ...body, sender });
  append(list, item);
  const waiting = { list, sender, text: body.text.normalize("NFC"), item, passage };  // as it is kept
  underWay.push(waiting);
  try {
    passage.onAnswer(await request("POST", path, { headers, body }));
  } catch (error) {
    underWay.splice(underWay.indexOf(waiting) >>> 0, 1);
    item.remove();
    throw error;
  }
  refreshDialogs();
}

async function sayAsVisitor(text) {
  if (!visitor) {
    const number = Number(localStorage.getItem("parley.visitors") ?? 0) + 1;
    localStorage.setItem("parley.visitors", number);
    const opened = await request("POST", "/api/site/dialogs", { headers: { "X-Site-Token": account.siteToken }, body: { first_name: words.visitor_name(number) } });
    enterVisitor({ id: opened.body.id, guestId: opened.body.guest_id });
    select(visitor.id);
  } else if (selected !== visitor.id) {
    select(visitor.id);
  }
  await send("user", $("visitor-messages"), `/api/site/dialogs/${visitor.id}/messages`, visitorHeaders(), { text });
}

const sayAsOwner = (text) =>
  send("operator", $("owner-messages"), `/api/dialogs/${selected}/messages`, ownerHeaders(), { text, operator_name: words.operator });

// ---- the two sides ----

function enterVisitor(next) {
  endVisitorStream();
  visitor = next;
  store.write(VISITOR_KEY, visitor);
  $("visitor-messages").replaceChildren();
  showNotes();
  endVisitorStream = () => {};
  if (visitor) {
    endVisitorStream = follow(visitor.id, () => ({ site_token: account.siteToken, guest_id: visitor.guestId }),
                              (version, event) => deliver($("visitor-messages"), version, event));
  }
}

function select(id) {
  endOwnerStream();
  selected = id;
  events = [];
  $("owner-messages").replaceChildren();
  $("owner-form").querySelector("button").disabled = id === null;
  showDialogs();
  showEvents();
  endOwnerStream = () => {};
  if (id === null) return;
  endOwnerStream = follow(id, () => ({ token: account.token }), (version, event) => {
    deliver($("owner-messages"), version, event);
    noteEvent(version, event);
    refreshEvents();
  });
  refreshEvents();
}

function showDialogs() {
  $("dialogs").replaceChildren(...(dialogs.length ? dialogs.map((dialog) => {
    const button = node("button", "", node("strong", "", dialog.first_name ?? String(dialog.id)), node("span", "", dialog.last_message ?? "…"));
    button.type = "button";
    if (dialog.id === selected) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => select(dialog.id));
    return node("li", "", button);
  }) : [node("li", "empty", words.no_dialogs)]));
}

/** Runs `work` now, or once more after the run that is under way: never twice at a time. */
function coalesced(work) {
  let running = false, again = false;
  return async () => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      try {
        await work();
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
    } while (again);
    running = false;
  };
}

const refreshDialogs = coalesced(async () => {
  dialogs = (await call("GET", `/api/dialogs?limit=${DIALOGS_SHOWN_MAX}`, { headers: ownerHeaders(), language })).body.dialogs;
  showDialogs();
});

// ---- events ----

/** What the stream alone tells of an event, until the log's index is read. */
function noteEvent(version, { message, timestamp }) {
  if (events.some((event) => event.version === version)) return;
  events.push({ version, type: "parley.dialog.message_created.v1", time: message.created_at ?? timestamp, actor: message.sender });
  showEvents();
}

const refreshEvents = coalesced(async () => {
  const id = selected;
  if (id === null) return;
  let read = [];
  try {
    read = (await call("GET", `/api/dialogs/${id}/history`, { headers: ownerHeaders(), language })).body.events;
    historyReadable = true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    historyReadable = false;
  }
  if (id !== selected) return;
  events = [...read, ...events.filter((event) => !read.some((known) => known.version === event.version))];
  showEvents();
  // The stream may be ahead of the tables: what it told of is read again until they have it.
  lateReads = historyReadable && events.some((event) => !event.hash) ? lateReads + 1 : 0;
  if (lateReads > 0 && lateReads <= LATE_READS_MAX) setTimeout(refreshEvents, LATE_READ_MS);
});

function eventRow(event, previous) {
  const cell = (name, text, title) => {
    const made = node("td", name, node("span", "", text || "—"));
    made.dataset.name = words[name];
    if (title) made.title = title;
    return made;
  };
  const type = event.type.replace(/^parley\./, "").replace(/\.v\d+$/, "");
  const side = event.type.includes("message") && /operator|account/.test(event.actor ?? "") ? "by-owner" : "by-visitor";
  const row = node("tr", side, cell("version", String(event.version)), cell("event", type, event.type), cell("actor", event.actor),
                   cell("time", timeOf(event.time), event.time), cell("cause", short(event.causation_id), event.causation_id),
                   cell("correlation", short(event.correlation_id), event.correlation_id),
                   cell("hash", event.hash && `${short(event.hash)} ← ${short(previous?.hash ?? NO_HASH)}`, event.hash),
                   cell("position", event.position ? `${event.position.partition} : ${event.position.offset}` : null));
  row.dataset.version = event.version;
  return row;
}

function showEvents() {
  events.sort((a, b) => a.version - b.version);
  $("events-note").textContent = historyReadable ? words.events_note : words.events_unavailable;
  const known = new Set([...$("events").querySelectorAll("[data-version]")].map((row) => Number(row.dataset.version)));
  const rows = events.map((event, index) => eventRow(event, events[index - 1])).reverse();
  for (const row of rows) row.classList.toggle("fresh", known.size > 0 && !known.has(Number(row.dataset.version)));
  if (!rows.length) {
    const empty = node("td", "empty", words.no_events);
    empty.colSpan = 8;
    rows.push(node("tr", "", empty));
  }
  $("events").replaceChildren(...rows);
}

// ---- start ----

/** The account of this browser: the one it made before, if the service still knows it, else a new one. */
async function enter() {
  const kept = store.read(ACCOUNT_KEY);
  if (kept) {
    try {
      await request("GET", "/api/users/me", { headers: { Authorization: `Bearer ${kept.token}` } });
      return kept;
    } catch (error) {
      if (!(error instanceof Refusal) || error.status === 0 || error.status >= 500) throw error;
    }
    try {
      const login = await request("POST", "/api/auth/login", { body: { email: kept.email, password: kept.password } });
      return { ...kept, token: login.body.access_token };
    } catch (error) {
      if (!(error instanceof Refusal) || error.status === 0 || error.status >= 500) throw error;
    }
  }
  const secret = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(36)).join("");
  const made = { email: `demo-${secret().slice(0, 10)}@example.com`, password: secret() };
  made.token = (await request("POST", "/api/auth/register", { body: made })).body.access_token;
  const assistant = await request("POST", "/api/assistants", {
    headers: { Authorization: `Bearer ${made.token}` }, body: { name: "Parley", website_integration: true },
  });
  made.siteToken = assistant.body.site_token;
  store.write(VISITOR_KEY, null);
  localStorage.removeItem("parley.visitors");
  return made;
}

async function start() {
  while (!account) {
    try {
      account = await enter();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      say(error.message ? words.failed(error.message) : words.starting);
      await pause(START_RETRY_MS);
    }
  }
  say("");
  store.write(ACCOUNT_KEY, account);
  showNotes();
  await refreshDialogs();
  const kept = store.read(VISITOR_KEY);
  enterVisitor(kept && dialogs.some((dialog) => dialog.id === kept.id) ? kept : null);
  select(visitor?.id ?? dialogs[0]?.id ?? null);
  for (const control of document.querySelectorAll("button[disabled]")) control.disabled = control.form === $("owner-form") && selected === null;
  setInterval(() => document.hidden || refreshDialogs(), LIST_REFRESH_MS);
  if (location.hash === "#demo") play();
}

async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(words.failed(error.message || words.unreachable));
    return false;
  }
}

async function play() {
  $("play").disabled = true;
  $("play").textContent = words.playing;
  enterVisitor(null);
  for (const [side, text] of words.script) {
    if (!(await attempt(() => (side === "visitor" ? sayAsVisitor(text) : sayAsOwner(text))))) break;
    await pause(SCRIPT_PAUSE_MS);
  }
  $("play").disabled = false;
  $("play").textContent = words.play;
}

function compose(form, input, work) {
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const text = input.value;
    if (!text.trim() || form.querySelector("button").disabled) return;
    input.value = "";
    if (!(await attempt(() => work(text))) && !input.value) input.value = text;
  });
}

compose($("visitor-form"), $("visitor-text"), sayAsVisitor);
compose($("owner-form"), $("owner-text"), sayAsOwner);
$("play").addEventListener("click", play);
$("new-visitor").addEventListener("click", () => {
  enterVisitor(null);
  $("visitor-text").focus();
});
$("language").addEventListener("click", () => {
  language = otherLanguage(language);
  words = wordsOf(language);
  localStorage.setItem("parley.language", language);
  translate();
});
translate();
start();
