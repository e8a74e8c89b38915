// Imported before everything else: where the browser lacks what the page lives on, says so and lets nothing more run.

import { h } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { startTheme } from "./theme.js";

const NEEDED = [
  "AbortController",
  "HTMLDialogElement",
  "IntersectionObserver",
  "MediaStream",
  "ResizeObserver",
  "RTCPeerConnection",
];

const missing = NEEDED.filter((name) => !(name in globalThis));

function say() {
  document.title = t("app.title");
  const stage = document.getElementById("stage");
  const title = h("strong", {}, t("lack.title"));
  const why = h("p", { class: "soft" }, t("lack.why"));
  const what = h("p", { class: ["soft", "small"] }, t("lack.what", { names: missing.join(" · ") }));
  stage.replaceChildren(h("div", { class: "empty", role: "alert" }, title, why, what));
}

if (missing.length > 0) {
  startTheme();
  onLanguage(say);
  throw new Error(missing.join(" "));
}
