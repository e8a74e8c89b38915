// The one frame of the page: the tree at the left, the stage in the middle, the context at the right. On a phone the
// stage alone, the others as sheets from below, and the acts that matter under the thumb.

import { h, icon, setBadge, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";

const KEEP = "huishang.sides";
const NARROW = matchMedia("(max-width: 720px)");
/** Between two open sides nothing would be left for the stage: one at a time. */
const TIGHT = matchMedia("(max-width: 1000px)");

function kept() {
  try {
    return { left: true, right: true, ...JSON.parse(localStorage.getItem(KEEP)) };
  } catch {
    return { left: true, right: true };
  }
}

class Side {
  constructor(element, close) {
    this.element = element;
    this.title = h("h2");
    this.shut = h("button", { class: ["button", "bare"], type: "button", on: { click: close } }, icon("close"));
    this.body = h("div", { class: "side-body" });
    element.append(h("div", { class: "side-head" }, this.title, this.shut), this.body);
  }

  render(title) {
    setText(this.title, title);
    this.element.setAttribute("aria-label", title);
    setLabel(this.shut, t("frame.fold"));
  }
}

export class Frame {
  #page = null;
  #shown = kept();
  #sheet = "";

  /** `tree`: what fills the left place, an element. */
  constructor(tree) {
    const at = (id) => document.getElementById(id);
    this.root = at("frame");
    this.stage = at("stage");
    this.thumb = at("thumb");
    this.left = new Side(at("left"), () => this.toggle("left", false));
    this.right = new Side(at("right"), () => this.toggle("right", false));
    this.left.body.append(tree);
    this.sheets = {
      left: this.#sheetButton("left", "tree"),
      right: this.#sheetButton("right", "people"),
    };
    // The address behind the # is the page's; this one only moves the focus.
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.stage.focus();
    });
    for (const width of [NARROW, TIGHT]) width.addEventListener("change", () => this.#resized());
  }

  get page() {
    return this.#page;
  }

  /** Whether the left and right places are shown; null where the page has none. Null altogether without places. */
  get sides() {
    if (!this.#page?.framed) return null;
    const shows = (side) => (NARROW.matches ? this.#sheet === side : this.#shown[side]);
    const right = this.#page.side ? shows("right") : null;
    return { left: shows("left") && !(right && TIGHT.matches), right };
  }

  /**
   * Show `page`: {element, framed, side (element or null), sideTitle(), sideCalls (how many there want something),
   * thumb (elements under the thumb)}.
   */
  show(page) {
    if (this.#page !== page) this.#sheet = "";
    this.#page = page;
    if (!page.element.isConnected) this.stage.append(page.element);
    // Hidden and not taken out: a picture that is taken out of the page stops, and its sound with it.
    for (const element of this.stage.children) element.hidden = element !== page.element;
    this.right.body.replaceChildren(...(page.side ? [page.side] : []));
    const sheets = page.framed ? [this.sheets.left, ...(page.side ? [this.sheets.right] : [])] : [];
    this.thumb.replaceChildren(...(page.thumb ?? []), ...sheets);
    this.render();
  }

  toggle(side, shown = !this.sides?.[side]) {
    if (NARROW.matches) {
      this.#sheet = shown ? side : "";
    } else if (TIGHT.matches && this.#page?.side) {
      // For now only: where there is room again, both are as they were kept.
      this.#shown = { left: false, right: false, [side]: shown };
    } else {
      this.#shown[side] = shown;
      localStorage.setItem(KEEP, JSON.stringify(this.#shown));
    }
    this.render();
  }

  /** Fold an open sheet of the phone; true if there was one. */
  back() {
    if (!this.#sheet || !NARROW.matches) return false;
    this.toggle(this.#sheet, false);
    return true;
  }

  render() {
    const { sides } = this;
    this.root.dataset.left = String(sides?.left === true);
    this.root.dataset.right = String(sides?.right === true);
    this.thumb.hidden = this.thumb.childElementCount === 0;
    this.left.render(t("frame.left"));
    this.right.render(this.#page?.sideTitle?.() ?? "");
    for (const [side, made] of Object.entries(this.sheets)) {
      setText(made.words, t(`frame.${side}.short`));
      made.setAttribute("aria-expanded", String(sides?.[side] === true));
    }
    this.renderCalls();
  }

  /** How many at the right want something. */
  renderCalls() {
    const calls = this.#page?.sideCalls ?? 0;
    setBadge(this.sheets.right.badge, calls, t("side.people.badge", { n: calls }));
  }

  #resized() {
    this.#shown = kept();
    this.render();
  }

  #sheetButton(side, picture) {
    const words = h("span");
    const made = h("button", { class: ["button", "thumb-sheet"], type: "button" }, icon(picture), words);
    made.words = words;
    made.badge = h("span", { class: ["badge", "numbers"], hidden: true });
    made.append(made.badge);
    made.addEventListener("click", () => this.toggle(side));
    return made;
  }
}
