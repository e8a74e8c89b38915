// Puts the page together: who tells whom. No markup, no protocol.

import {} from "./able.js";
import { Account } from "./account.js";
import { Desk } from "./desk.js";
import { apply, language, onLanguage, setLanguage, t } from "./i18n.js";
import { claimId } from "./identity.js";
import { Router } from "./route.js";
import { SignIn } from "./signin.js";
import { startTheme } from "./theme.js";

startTheme();

const account = new Account(() => turned());
const signIn = new SignIn((given) => enter(given));
const desk = new Desk({ account, device: await claimId(), signIn, toggleLanguage });
const router = new Router((route) => desk.show(route));
desk.router = router;

/** Sign in, and go where that leads. */
async function enter(given) {
  const consultation = await account.signIn(given);
  if (consultation) router.go("consultation", consultation, { instead: true });
  else if (router.route.page === "signin") router.go("overview", "", { instead: true });
}

function toggleLanguage() {
  setLanguage(language() === "zh" ? "en" : "zh");
}

function turned() {
  if (account.state === "in") desk.open();
  else desk.close();
  router.look();
}

/** A one-time link is used at once and leaves the address: it stays out of bookmarks and screenshots. */
function takeWelcome() {
  const { page, id } = router.route;
  if (page !== "welcome") return false;
  history.replaceState(null, "", "#/");
  desk.show(router.route);
  signIn.welcome(id);
  return true;
}

addEventListener("hashchange", takeWelcome);
addEventListener("online", () => desk.hurry());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && desk.hurry());
// Told, the server frees our places at once instead of when it misses us.
addEventListener("pagehide", () => desk.leave());
addEventListener("pageshow", (event) => event.persisted && location.reload());

onLanguage(() => {
  document.title = t("app.title");
  signIn.render();
  desk.render();
});
apply();

if (!takeWelcome()) {
  router.look();
  account.restore();
}
