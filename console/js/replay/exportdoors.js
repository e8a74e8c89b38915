// What exports of a recording are asked for over HTTP: ordering, how they go, the way to a file, and their end.

import { asApiError, request } from "../api.js";

/** Files of hours are looked up before the answer. */
const SLOW_MS = 20000;

export class ExportDoors {
  /** `account`: its `ask` has a token for who is signed in. */
  constructor(account, recording) {
    this.account = account;
    this.base = `/api/v1/recordings/${encodeURIComponent(recording)}/exports`;
  }

  /** `wish`: {kind, from_us, to_us, tracks, source, withhold}; gives {id}. Throws ApiError, as all here. */
  order(wish) {
    return this.#ask("", "POST", wish);
  }

  /** {items}, the newest first. */
  list() {
    return this.#ask("");
  }

  /** End it, or delete its file. */
  remove(id) {
    return this.#ask(`/${encodeURIComponent(id)}`, "DELETE");
  }

  /** The address of its file, for the browser's own download. */
  async address(id) {
    const { href } = await this.#ask(`/${encodeURIComponent(id)}/ticket`, "POST");
    return href;
  }

  async #ask(path, method = "GET", body = undefined) {
    try {
      const options = { method, body, timeoutMs: SLOW_MS };
      return await this.account.ask((token) => request(this.base + path, { ...options, token }));
    } catch (error) {
      throw asApiError(error);
    }
  }
}
