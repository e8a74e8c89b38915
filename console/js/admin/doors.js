// What administration asks over HTTP: readings, and the acts that make secrets, which no page may choose.

import { ApiError, request } from "../api.js";
import { Refusal } from "../wire.js";

const BASE = "/api/v1";
const PATHS = { unit: "units", person: "people", endpoint: "endpoints" };
/** A one-way hash or a file takes its time on a busy node. */
const SLOW_MS = 20000;

const part = encodeURIComponent;

/** name -> of its values: [method, path, body, field of the answer that is told]. */
const POSTED = {
  "welcome.create": ({ person, hours }) => ["POST", "/welcomes", { person, hours }, "welcome"],
  "person.password": ({ person, password }) => ["PUT", `/people/${part(person)}/password`, { password }, ""],
  "endpoint.credential": ({ endpoint }) => ["PUT", `/endpoints/${part(endpoint)}/credential`, {}, "credential"],
};

/** `values` as a query, without what is empty. Pure. */
export function queryOf(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== 0 && value !== null);
  const text = new URLSearchParams(given).toString();
  return text ? `?${text}` : "";
}

export class Doors {
  constructor({ account, link }) {
    this.account = account;
    this.link = link;
  }

  /** Read; throws ApiError. */
  get(path, values = {}) {
    return this.#ask(path + queryOf(values), { timeoutMs: SLOW_MS });
  }

  /** The record of a unit, person or endpoint; throws ApiError. */
  record(kind, id) {
    return this.get(`/${PATHS[kind]}/${part(id)}`);
  }

  /** The rows of a QR code that says `text`; throws ApiError. */
  async qr(text) {
    const made = await this.#ask("/qr", { method: "POST", body: { text } });
    return made.rows;
  }

  /** Do an act, over the WebSocket where it can: gives what was made. Throws Refusal. */
  async act(name, params) {
    const posted = POSTED[name]?.(params);
    if (!posted) return this.link.act(name, params);
    const [method, path, body, field] = posted;
    try {
      const answer = await this.#ask(path, { method, body, timeoutMs: SLOW_MS });
      return field ? answer[field] : "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new Refusal(error.code === "network" ? "link-lost" : error.code, error);
    }
  }

  #ask(path, options) {
    return this.account.ask((token) => request(BASE + path, { ...options, token }));
  }
}
