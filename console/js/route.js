// The page's addresses: all behind the #, so that the server has one page and the back button works.

const PAGES = new Set(["overview", "consultation", "admin", "signin"]);

/** What an address's fragment says: {page, id, rest}, of a replay {values} too; of what is unknown the overview. */
export function parse(hash) {
  const text = hash.replace(/^#/u, "");
  const values = text.startsWith("/") ? {} : Object.fromEntries(new URLSearchParams(text));
  if (values.welcome) return { page: "welcome", id: values.welcome, rest: [] };
  if (values.replay) return { page: "replay", id: values.replay, rest: [], values };
  const [page = "", ...parts] = text.replace(/^\//u, "").split("/").map(decode);
  const name = page === "" ? "overview" : page;
  if (name === "recordings") return { page: "replay", id: "", rest: [], values };
  if (!PAGES.has(name) || (name === "consultation" && !parts[0])) return { page: "overview", id: "", rest: [] };
  return { page: name, id: parts[0] ?? "", rest: parts.slice(1) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The fragment of a page. Pure. */
export function addressOf(page, id = "") {
  if (page === "overview") return "#/";
  return id ? `#/${page}/${encodeURIComponent(id)}` : `#/${page}`;
}

export class Router {
  /** `changed(route)` at first and whenever the address did. */
  constructor(changed) {
    this.changed = changed;
    addEventListener("hashchange", () => this.look());
  }

  get route() {
    return parse(location.hash);
  }

  look() {
    this.changed(this.route);
  }

  /** Go there; `instead`: without a way back to here. */
  go(page, id = "", { instead = false } = {}) {
    const address = addressOf(page, id);
    if (instead) {
      history.replaceState(null, "", address);
      this.look();
    } else if (location.hash === address) {
      this.look();
    } else {
      location.hash = address;
    }
  }
}
