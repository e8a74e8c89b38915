// What somebody who is signed in works with: the link, the media, the frame and its pages.

import { Acts } from "./acts.js";
import { AdminPage } from "./admin/page.js";
import { ApiError, searchNames, stillOf, unitOf } from "./api.js";
import { KeysDialog, Question } from "./ask.js";
import { AnnounceDialog } from "./consultation/announce.js";
import { ConsultationPage } from "./consultation/page.js";
import { DevicesDialog } from "./devices.js";
import { deskKeys } from "./deskkeys.js";
import { Emergencies } from "./emergency.js";
import { Frame } from "./frame.js";
import { startKeyboard } from "./keyboard.js";
import { Link } from "./link.js";
import { Media } from "./media.js";
import { CreateDialog } from "./overview/create.js";
import { mayChair } from "./overview/offer.js";
import { Overview } from "./overview/overview.js";
import { consultationsOf, TOPICS } from "./overview/places.js";
import { Own } from "./own.js";
import { ReplayPage } from "./replay/page.js";
import { Rhythm } from "./rhythm.js";
import { toggleTheme } from "./theme.js";
import { modeItems } from "./thinmenu.js";
import { Top } from "./top.js";
import { topView } from "./topview.js";
import { Tree } from "./tree/tree.js";
import { openTreeMenu } from "./tree/menu.js";

/** Of a record that may not be had: null. */
function nothing(error) {
  if (!(error instanceof ApiError)) throw error;
  return null;
}

export class Desk {
  #consultation = null;
  #joining = "";
  #person = "";
  #unit = null;
  #unfollow = null;
  #linkWas = "asking";

  /** `account`, `device` (this tab's own id), `signIn` (the page for whoever is not signed in). */
  constructor({ account, device, signIn, toggleLanguage }) {
    this.account = account;
    this.device = device;
    this.signIn = signIn;
    this.router = null;
    const shown = () => signIn.ask();
    this.signInPage = { element: signIn.element, framed: false, side: null, title: () => "", shown };
    const heard = (said) => this.media.heard(said);
    this.link = new Link({ account, device, changed: () => this.#linkTurned(), heard });
    this.now = this.link.now;
    this.rhythm = new Rhythm(this.now);
    const still = (id, asked) => account.ask((token) => stillOf(id, { ...asked, token }));
    this.media = new Media({ link: this.link, still, changed: () => this.render() });
    this.acts = new Acts(this.link);
    this.question = new Question();
    this.keys = new KeysDialog();
    this.emergencies = new Emergencies(this);
    this.announcing = new AnnounceDialog(this.acts);
    this.own = null;
    const search = (words) => account.ask((token) => searchNames(words, token));
    const above = (id) => account.ask((token) => unitOf(id, token)).catch(nothing);
    this.creating = new CreateDialog({
      link: this.link, search, unitOf: above, now: this.now, units: () => this.#units(), me: () => this.account.person,
      made: (id, isNow) => isNow && this.enter(id),
    });
    const name = () => account.person?.name ?? "";
    this.devices = new DevicesDialog({ now: this.now, name, use: (publishes) => this.#useDevices(publishes) });
    this.tree = new Tree({ link: this.link, search, unitOf: above, menu: (...at) => openTreeMenu(this, ...at) });
    this.frame = new Frame(this.tree.element);
    this.overview = new Overview({ ...this.#tools(), stage: this.frame.stage });
    this.admin = new AdminPage({ ...this.#tools(), account, search, changed: () => this.renderTop() });
    this.replay = new ReplayPage({ ...this.#tools(), account });
    this.topActs = this.#makeTopActs(toggleLanguage);
    this.top = new Top(document.getElementById("top"), this.topActs);
    startKeyboard(deskKeys(this));
    this.rhythm.join({ draw: () => this.renderTop() });
  }

  /** Of the tree at the left. */
  search() {
    if (!this.frame.page?.framed) return false;
    if (!this.frame.sides.left) this.frame.toggle("left", true);
    this.tree.focus();
    return true;
  }

  /** The consultation I am in, or null. */
  get consultation() {
    return this.#consultation?.isInside ? this.#consultation : null;
  }

  /** Somebody is signed in. */
  open() {
    const { person } = this.account;
    if (this.#person && this.#person !== person.id) {
      // What the one before was doing is none of this one's business: begin with nothing.
      location.reload();
      return;
    }
    if (!this.#person) {
      this.#person = person.id;
      const prefix = `${person.id}.${this.device}`;
      const name = () => this.account.person?.name ?? "";
      this.own = new Own({ media: this.media, prefix, name, now: this.now, changed: () => this.#ownTurned() });
    }
    this.link.open();
    this.#unfollow ??= TOPICS.map((topic) => this.link.follow(topic, () => this.#overviewTurned()));
    this.tree.start();
  }

  /** Nobody is signed in any more. */
  close() {
    this.own?.stop();
    this.link.close();
  }

  /** Show what an address says. */
  show(route) {
    const signedIn = this.account.state === "in";
    if (!signedIn || route.page === "signin" || route.page === "welcome") {
      this.#showPage(this.signInPage);
      if (this.account.state === "out") this.signInPage.shown();
    } else if (route.page === "consultation") this.#showConsultation(route.id);
    else if (route.page === "admin") {
      this.#showPage(this.admin);
      this.admin.enter([route.id, ...route.rest]);
    } else if (route.page === "replay") {
      this.#showPage(this.replay);
      this.replay.enter(route);
    } else this.#showPage(this.overview);
    if (this.#consultation && route.page !== "consultation" && !this.#consultation.isInside) this.#endConsultation();
    this.render();
  }

  /** Go into a consultation. */
  enter(id) {
    this.#joining = id;
    this.router.go("consultation", id);
  }

  /** Put a source on the stage, large. */
  watch(id) {
    this.router.go("overview");
    this.overview.wall.enlargeId(id);
  }

  hurry() {
    this.link.hurry();
    this.media.hurry();
  }

  leave() {
    this.#consultation?.letGo();
    this.media.close();
  }

  short(id) {
    return consultationsOf(this.link.store).get(id) ?? null;
  }

  render() {
    this.frame.render();
    this.frame.page?.render?.();
    this.tree.render();
    for (const dialog of [this.question, this.keys, this.announcing, this.devices, this.creating]) {
      if (dialog.isOpen) dialog.render();
    }
    this.renderTop();
  }

  renderTop() {
    this.top.render(topView(this, this.#unit));
  }

  #showPage(page) {
    if (this.frame.page === page) return;
    if ([this.overview, this.admin, this.replay].includes(this.frame.page)) this.frame.page.leave();
    this.frame.show(page);
    if (page === this.overview) this.overview.enter();
  }

  #showConsultation(id) {
    if (this.#consultation && this.#consultation.id !== id) this.#endConsultation();
    this.#consultation ??= new ConsultationPage(id, {
      ...this.#tools(),
      own: this.own,
      announcing: this.announcing,
      me: () => this.account.person,
      go: (page) => this.router.go(page),
      short: (which) => this.short(which),
      devices: () => this.devices.ask(),
      called: () => this.frame.renderCalls(),
      changed: () => {
        if (this.frame.page === this.#consultation) this.frame.show(this.#consultation);
        this.render();
      },
    });
    this.#showPage(this.#consultation);
    const join = this.#joining === id;
    this.#joining = "";
    this.#consultation.enter({ join });
  }

  #endConsultation() {
    const page = this.#consultation;
    this.#consultation = null;
    page.dispose();
  }

  #tools() {
    return {
      link: this.link, media: this.media, acts: this.acts, question: this.question, now: this.now,
      rhythm: this.rhythm, emergencies: this.emergencies,
      enter: (id) => this.enter(id),
      look: (id) => this.router.go("consultation", id),
      create: () => this.creating.ask(),
      publish: () => this.devices.ask({ publishes: true }),
    };
  }

  /** Units that I may hold a consultation for, as far as the tree has been opened. */
  #units() {
    return this.link.store.all("unit").filter(mayChair);
  }

  #useDevices(publishes) {
    if (!publishes) {
      this.own.reopen();
      return;
    }
    this.own.turn("camera", true);
    this.own.turn("microphone", true);
  }

  #overviewTurned() {
    this.overview.update();
    this.emergencies.draw();
    if (this.#consultation) this.#consultation.update();
  }

  #ownTurned() {
    this.#consultation?.contribute();
    this.renderTop();
  }

  #linkTurned() {
    const { state } = this.link;
    if (state === "up") {
      this.media.linkUp();
      if (this.#linkWas === "lost") this.#consultation?.linkUp();
      this.#learnUnit();
      this.admin.rights.learn();
    }
    this.#linkWas = state;
    this.render();
  }

  /** The tree may not be open where I belong. */
  async #learnUnit() {
    const { person } = this.account;
    if (this.#unit?.id === person.unit) return;
    try {
      this.#unit = await this.account.ask((token) => unitOf(person.unit, token));
      this.renderTop();
    } catch (error) {
      // Beside my name there is nothing then.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  async #signOut() {
    const { consultation } = this;
    if (consultation && !(await this.question.ask("signOut", { title: consultation.title() }))) return;
    this.#consultation?.dispose();
    this.media.close();
    await this.account.signOut();
    // Nothing of mine stays in memory for whoever sits down next.
    history.replaceState(null, "", "#/signin");
    location.reload();
  }

  #makeTopActs(toggleLanguage) {
    return {
      left: () => this.frame.toggle("left"),
      right: () => this.frame.toggle("right"),
      stop: () => (this.consultation ? this.router.go("consultation", this.consultation.id) : this.own.stop()),
      admin: () => this.router.go("admin"),
      muteAll: () => this.overview.wall.muteAll(),
      modes: () => modeItems(this.media.thin),
      theme: toggleTheme,
      language: toggleLanguage,
      keys: () => this.keys.open(),
      signOut: () => this.#signOut(),
    };
  }
}
