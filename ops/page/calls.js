// The HTTP contract as a browser uses it: a request without an answer is asked again with the same key, a stream that is cut resumes.

const REPEATED_STATUS = new Set([429, 502, 503, 504]);
const PATIENCE_MS = 60_000;
const ATTEMPT_TIMEOUT_MS = 20_000;
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MAX_MS = 3_000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const backoffMs = (attempt) => Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** attempt);

/** An answer that repeating does not change; `status` is 0 when there was none at all. */
export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Resolves to {body, position, repeats}. `onRepeat(n)` is told of every repeat. */
export async function call(method, path, { headers = {}, body, language = "en", onRepeat = () => {} } = {}) {
  const options = { method, headers: { "Accept-Language": language, ...headers } };
  if (body !== undefined) {
    Object.assign(options.headers, { "Content-Type": "application/json", "Idempotency-Key": randomKey() });
    options.body = JSON.stringify(body);
  }
  const deadline = Date.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt++) {
    let response;
    try {
      response = await fetch(path, { ...options, signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS) });
      if (!REPEATED_STATUS.has(response.status)) {
        const answer = await response.json();
        // "log.partition:offset": the log's name says nothing to people
        const position = response.headers.get("X-Event-Position")?.split(".").pop();
        if (response.ok) return { body: answer, position, repeats: attempt };
        throw new Refusal(response.status, answer.error?.code, answer.error?.message ?? String(response.status));
      }
    } catch (error) {
      if (error instanceof Refusal) throw error;
    }
    if (Date.now() > deadline) throw new Refusal(response?.status ?? 0, "UNREACHABLE", "");
    onRepeat(attempt + 1);
    await pause(backoffMs(attempt));
  }
}

/**
 * Follows a dialog from its first event on; `onEvent(version, event)` sees each message once, in order. Returns a function that ends it.
 * The browser resumes a cut stream by itself, but gives up when it is answered with an error; then a new one goes on from the last id.
 */
export function follow(dialogId, credentials, onEvent) {
  let source, timer, ended = false, last = 0, failures = 0;
  const open = () => {
    source = new EventSource(`/api/dialogs/${dialogId}/events?${new URLSearchParams({ ...credentials(), last_event_id: last })}`);
    source.onmessage = ({ data, lastEventId }) => {
      failures = 0;
      if (data === "__ping__") return;
      const event = JSON.parse(data);
      if (event.type === "stream.reset") {
        last = 0;
        source.close();
        open();
      } else if (event.type === "dialog.message.created" && Number(lastEventId) > last) {
        last = Number(lastEventId);
        onEvent(last, event);
      }
    };
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED || ended) return;
      timer = setTimeout(open, backoffMs(failures++));
    };
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source.close();
  };
}
