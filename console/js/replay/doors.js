// What a replay asks of the server over HTTP: tracks, segments and their bytes, and what happened.

import { queryOf } from "../admin/doors.js";
import { ApiError, asApiError, request, toError } from "../api.js";

const SLOW_MS = 20000;

export class ReplayDoors {
  /** `account`: its `ask` has a token for who is signed in. */
  constructor(account, recording) {
    this.account = account;
    this.base = `/api/v1/recordings/${encodeURIComponent(recording)}`;
  }

  /** {recording, from_us, to_us, live, tracks}; throws ApiError. */
  tracks() {
    return this.#get("/tracks");
  }

  /** {items, next} of {from_us, to_us, track, cursor, limit}; throws ApiError. */
  segments(asked) {
    return this.#get("/segments", asked);
  }

  /** {tracks: [{track, spans, gaps}]} of {from_us, to_us}; throws ApiError. */
  coverage(asked) {
    return this.#get("/coverage", asked);
  }

  /** {items, next} of {from_us, to_us, cursor, limit}; throws ApiError. */
  events(asked) {
    return this.#get("/events", asked);
  }

  /** A Response whose body is a segment's file; throws ApiError, and AbortError when `signal` says so. */
  open(segment, signal) {
    const path = `${this.base}/segments/${encodeURIComponent(segment.segment)}`;
    return this.account.ask(async (token) => {
      let response;
      try {
        response = await fetch(path, { headers: { "X-Huishang": "1", Authorization: `Bearer ${token}` }, signal });
      } catch {
        signal.throwIfAborted();
        throw new ApiError("network");
      }
      if (response.ok) return response;
      throw toError(response, await response.text());
    });
  }

  async #get(path, asked = {}) {
    try {
      const whole = this.base + path + queryOf(asked);
      return await this.account.ask((token) => request(whole, { token, timeoutMs: SLOW_MS }));
    } catch (error) {
      throw asApiError(error);
    }
  }
}
