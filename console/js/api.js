// The server as the page sees it: the token, and requests that end in an answer or in one kind of error.

const KEEP = "huishang.token";
const TIMEOUT_MS = 6000;
/**
 * An offer is worked off in its turn. Who gives up early only comes again, while the server makes a session for
 * nobody; this is for a server that is gone without a word.
 */
const OFFER_TIMEOUT_MS = 30000;
/** The longest we let a server send us away for. */
const LONGEST_AWAY_MS = 60000;

/** What went wrong. `code`: "network", or the code of the server's problem details, "unauthorized" and others. */
export class ApiError extends Error {
  constructor(code, { status = 0, detail = "", retryAfterMs = 0 } = {}) {
    super(code);
    this.code = code;
    this.status = status;
    this.detail = detail;
    /** How long the server asks us to stay away. */
    this.retryAfterMs = retryAfterMs;
  }
}

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3: seconds, or a date), bounded; 0 without one. */
export function awayMs(header, nowUtc) {
  if (!header) return 0;
  const ms = /^\d+$/u.test(header) ? Number(header) * 1000 : Date.parse(header) - nowUtc;
  return Number.isNaN(ms) ? 0 : Math.min(LONGEST_AWAY_MS, Math.max(0, ms));
}

/** Take the token out of the address once, so that it stays out of bookmarks and screenshots. */
export function takeToken() {
  const fromHash = new URLSearchParams(location.hash.slice(1)).get("token");
  if (fromHash) {
    sessionStorage.setItem(KEEP, fromHash);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return token();
}

export function token() {
  return sessionStorage.getItem(KEEP) ?? "";
}

export function setToken(value) {
  sessionStorage.setItem(KEEP, value.trim());
}

/** Codes where no problem details came: a proxy or another server answered, and the status says enough. */
const BARE = { 401: "unauthorized", 403: "forbidden" };

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // Who asked judges what there is.
    return null;
  }
}

function toError(response, text) {
  const { status } = response;
  const problem = parse(text) ?? {};
  const code = problem.code ?? BARE[status] ?? `http-${status}`;
  const retryAfterMs = awayMs(response.headers.get("Retry-After"), Date.now());
  return new ApiError(code, { status, detail: problem.detail ?? "", retryAfterMs });
}

/** Ask and read the whole answer: {response, text}. */
async function request(path, { timeoutMs = TIMEOUT_MS, headers = {}, signal, ...rest } = {}) {
  const abort = new AbortController();
  const giveUp = () => abort.abort();
  const timer = setTimeout(giveUp, timeoutMs);
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  let response;
  let text;
  try {
    response = await fetch(path, {
      ...rest,
      cache: "no-store",
      headers: { Authorization: `Bearer ${token()}`, ...headers },
      signal: abort.signal,
    });
    // Within the same time: an answer may stop in its middle.
    text = await response.text();
  } catch {
    throw new ApiError("network");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
  if (!response.ok) throw toError(response, text);
  return { response, text };
}

/** The sources the server has: {now, sources}. An answer of another shape comes from something between. */
export async function listSources() {
  const { text } = await request("/api/v1/sources", { headers: { Accept: "application/json" } });
  const answer = parse(text);
  if (!Array.isArray(answer?.sources)) throw new ApiError("network");
  return { now: answer.now, sources: answer.sources.filter((source) => typeof source?.id === "string") };
}

/** Offer a session (WHIP or WHEP): returns {answer, location}. */
export async function offerSession(path, sdp, signal) {
  const headers = { "Content-Type": "application/sdp", Accept: "application/sdp" };
  const asked = { method: "POST", headers, body: sdp, signal, timeoutMs: OFFER_TIMEOUT_MS };
  const { response, text } = await request(path, asked);
  const location = response.headers.get("Location");
  return { answer: text, location: location && new URL(location, response.url).pathname };
}

/** Take a source off the node; nobody waits for it. */
export async function removeSource(id) {
  try {
    await request(`/api/v1/sources/${encodeURIComponent(id)}`, { method: "DELETE" });
  } catch {
    // It is offline at least, and the list says so.
  }
}

/** End a session; nobody waits for it, and a page that is being closed still gets it out. */
export async function endSession(location) {
  try {
    await request(location, { method: "DELETE", keepalive: true });
  } catch {
    // The server ends silent sessions by itself; there is nothing to tell the person.
  }
}
