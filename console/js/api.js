// The server over HTTP as the page sees it: requests that end in an answer or in one kind of error.

const TIMEOUT_MS = 6000;
/** The server waits for a keyframe, and a link that carries little takes seconds for the rest. */
const STILL_TIMEOUT_MS = 20000;
/** The longest we let a server send us away for. */
const LONGEST_AWAY_MS = 60000;
const SESSION = "/api/v1/session";

/** What went wrong. `code`: "network", or the code of the server's problem details, "unauthorized" and others. */
export class ApiError extends Error {
  constructor(code, { status = 0, detail = "", field = "", retryAfterMs = 0 } = {}) {
    super(code);
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.field = field;
    /** How long the server asks us to stay away. */
    this.retryAfterMs = retryAfterMs;
  }
}

/** Whatever went wrong, as an ApiError. */
export function asApiError(error) {
  return error instanceof ApiError ? error : new ApiError("bad-answer", { detail: String(error) });
}

/** Milliseconds of a Retry-After header (RFC 9110 section 10.2.3: seconds, or a date), bounded; 0 without one. */
export function awayMs(header, nowUtc) {
  if (!header) return 0;
  const ms = /^\d+$/u.test(header) ? Number(header) * 1000 : Date.parse(header) - nowUtc;
  return Number.isNaN(ms) ? 0 : Math.min(LONGEST_AWAY_MS, Math.max(0, ms));
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

/** What an answer that is none says, with `text` as its body. */
export function toError(response, text) {
  const { status } = response;
  const problem = parse(text) ?? {};
  const code = problem.code ?? BARE[status] ?? `http-${status}`;
  const retryAfterMs = awayMs(response.headers.get("Retry-After"), Date.now());
  return new ApiError(code, { status, detail: problem.detail ?? "", field: problem.field ?? "", retryAfterMs });
}

/**
 * Ask and read the whole answer as JSON (null when it has none). `body` goes as JSON; `token` as bearer.
 * Throws ApiError.
 */
export async function request(path, { method = "GET", body, token, timeoutMs = TIMEOUT_MS, keepalive = false } = {}) {
  const headers = { Accept: "application/json", "X-Huishang": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const signal = AbortSignal.timeout(timeoutMs);
  let response;
  let text;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, cache: "no-store", keepalive, signal });
    // Within the same time: an answer may stop in its middle.
    text = await response.text();
  } catch {
    throw new ApiError("network");
  }
  if (!response.ok) throw toError(response, text);
  return text ? parse(text) : null;
}

/** An answer that says who is signed in; one of another shape comes from something between. */
function signedIn(answer) {
  if (typeof answer?.token !== "string" || !answer.person?.id) throw new ApiError("network");
  const { token, person, consultation = "" } = answer;
  return { token, untilMs: (answer.token_until_us ?? answer.expires_us) / 1000, person, consultation };
}

/**
 * Sign in by what `given` holds ({login, password} or {welcome, ...}): {token, untilMs, person, consultation}, the last
 * the id of one to go to, or "".
 */
export async function openSession(given) {
  return signedIn(await request(SESSION, { method: "POST", body: given }));
}

/** Get another token by the cookie of a sign-in. */
export async function refreshSession() {
  return signedIn(await request(`${SESSION}/refresh`, { method: "POST" }));
}

export async function closeSession(token) {
  await request(SESSION, { method: "DELETE", token, keepalive: true });
}

/**
 * A still of a source, by the right that `context` names; `tag`: of the one there is already, or "". Gives {blob, tag,
 * takenMs of the server's UTC, transferMs of its body}; without `blob` when it is the same. Throws ApiError.
 */
export async function stillOf(id, { context, tag, token }) {
  const query = context ? `?context=${encodeURIComponent(context)}` : "";
  const headers = { "X-Huishang": "1", Authorization: `Bearer ${token}`, ...(tag ? { "If-None-Match": tag } : {}) };
  const signal = AbortSignal.timeout(STILL_TIMEOUT_MS);
  try {
    const path = `/api/v1/sources/${encodeURIComponent(id)}/still${query}`;
    const response = await fetch(path, { headers, cache: "no-store", signal });
    const begun = performance.now();
    if (response.status === 304) return { blob: null };
    if (!response.ok) throw toError(response, await response.text());
    const blob = await response.blob();
    const takenMs = Date.parse(response.headers.get("Last-Modified"));
    return { blob, tag: response.headers.get("ETag") ?? "", takenMs, transferMs: performance.now() - begun };
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError("network");
  }
}

/** The record of a unit. */
export function unitOf(id, token) {
  return request(`/api/v1/units/${encodeURIComponent(id)}`, { token });
}

/** What is called like `words`: a list of {kind, id, ...}, the best first. */
export async function searchNames(words, token) {
  const answer = await request(`/api/v1/search?q=${encodeURIComponent(words)}`, { token });
  return Array.isArray(answer?.results) ? answer.results : [];
}
