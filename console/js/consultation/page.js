// The page of one consultation: in the lobby or inside, and everything that happens there put together.

import { h } from "../dom.js";
import { tellHeadset, wearHeadset } from "../headset.js";
import { t } from "../i18n.js";
import { knowsAll } from "../overview/places.js";
import { Bar } from "./bar.js";
import { Contribution } from "./contribution.js";
import { Controls } from "./controls.js";
import { Doing } from "./doing.js";
import { keysOf } from "./keys.js";
import { joinedWith, Lobby } from "./lobby.js";
import { roomOf } from "./room.js";
import { Side } from "./side.js";
import { Stage } from "./stage.js";

/** What becomes of somebody who comes back and is not let in. */
const KEPT_OUT = new Set(["waiting", "removed"]);

export class ConsultationPage {
  framed = true;
  side = null;
  thumb = [];
  #phase = "lobby";
  #room = null;
  #topic;
  #unfollow = null;
  #ends = [];
  #unwear = () => {};
  #looked = false;
  /** After a break of the link: "asking" to be in it again, then "answered" until that is seen; else "". */
  #returning = "";

  /**
   * `desk`: {link, media, acts, own, question, announcing, rhythm, me(), now(), go(page), short(id), devices(),
   * changed(), called() when `sideCalls` may be another}.
   */
  constructor(id, desk) {
    this.id = id;
    this.desk = desk;
    this.#topic = `consultation:${id}`;
    const { acts, own, media, question } = desk;
    const turn = (part, on) => own.turn(part, on);
    const run = (about, name, params) => acts.run(about, name, params);
    const shared = { acts, own, media, question, now: desk.now, turn, run, context: this.#topic, id, me: desk.me().id };
    this.doing = new Doing(this, desk);
    const { perform, openMenu, bringIn } = this.doing;
    this.stage = new Stage({
      ...shared,
      menu: (seat, anchor, point) => openMenu(seat.participant, anchor, point, seat),
      dropped: bringIn,
      arranged: () => this.bar.renderLayouts(),
    });
    const announce = () => desk.announcing.ask(this.#room.consultation);
    this.bar = new Bar({ ...shared, stage: this.stage, announce });
    const layoutItems = () => this.stage.layoutItems();
    this.controls = new Controls({ ...shared, devices: desk.devices, leave: () => this.leaveIt(), layoutItems });
    this.panel = new Side({ ...shared, perform, menuOf: openMenu });
    this.contribution = new Contribution(id, desk);
    this.lobby = new Lobby(id, { acts, now: desk.now, join: () => this.join(), start: () => this.#start() });
    this.inside = h("div", { class: "inside" }, this.bar.element, this.stage.element, this.controls.element);
    this.element = h("div", { class: "consultation" }, this.lobby.element, this.inside);
    this.keys = keysOf(this);
  }

  get isInside() {
    return this.#phase === "inside";
  }

  get room() {
    return this.#room;
  }

  title() {
    return this.#room?.consultation.title ?? this.desk.short(this.id)?.title ?? t("lobby.title");
  }

  /** How many at the side want something of me. */
  get sideCalls() {
    return this.isInside && this.#room?.isChair ? this.panel.calls : 0;
  }

  sideTitle() {
    return t("side.title");
  }

  /** On the stage now; `join` when the way here was the wish to be in it. */
  enter({ join = false } = {}) {
    if (this.#ends.length === 0) {
      const { acts, rhythm } = this.desk;
      this.#ends = [rhythm.join(this.stage), rhythm.join({ draw: () => this.#draw() })];
      this.#ends.push(acts.listen(() => this.render()));
    }
    if (join) this.join();
    else this.#lookOnce();
    this.render();
  }

  /** Whoever is in it already, by a page before this one, is still in it. */
  #lookOnce() {
    const short = this.desk.short(this.id);
    // Of the two topics that say so, one comes first.
    if (this.#looked || !short || !knowsAll(this.desk.link.store)) return;
    this.#looked = true;
    if (short.mine === "present") this.join();
  }

  /** Not needed any more; leaves the consultation if need be. */
  dispose() {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#unwear();
    if (this.isInside) {
      this.#leave();
      this.desk.own.stop();
    }
    this.#unfollow?.();
    this.#unfollow = null;
    this.stage.dispose();
    this.#phase = "over";
    this.element.remove();
  }

  async join() {
    this.#looked = true;
    if (this.#phase === "joining" || this.isInside) return;
    this.#phase = "joining";
    this.render();
    const { made } = await this.desk.acts.make(`join:${this.id}`, "consultation.join", { consultation: this.id });
    // Gone from this page before the answer came: nobody is to sit there unseen.
    if (this.#phase === "over" && made !== null) this.#leave();
    if (this.#phase !== "joining") return;
    if (made === null) this.#phase = "lobby";
    else this.#follow();
    this.render();
  }

  /** Leave it; the page stays, with the way back in. */
  async leaveIt() {
    this.#goOut("lobby");
    await this.desk.acts.run(`join:${this.id}`, "consultation.leave", { consultation: this.id });
    this.desk.go("overview");
  }

  /** The overview or the consultation's own topic changed, or the link came back. */
  update() {
    const { store } = this.desk.link;
    const short = this.desk.short(this.id);
    const gone = store.codeOf(this.#topic);
    this.#lookOnce();
    // Let in, after waiting: what could not be had before can be had now.
    const awaits = this.#phase === "joining" || this.#returning === "answered";
    if (awaits && short?.mine === "present" && gone) this.#follow();
    this.#room = this.#unfollow ? roomOf(store, this.#topic, short, this.desk.me().id) : null;
    const here = this.#isPresent();
    if (this.#returning === "answered" && (here || KEPT_OUT.has(short?.mine))) this.#returning = "";
    if (here && this.#phase === "joining") this.#goIn();
    else if (this.isInside && gone === "consultation-ended") this.#goOut("over");
    else if (this.isInside && !this.#returning) {
      if (gone) this.#goOut("sentAway");
      else if (this.#room && !here) this.#goOut(this.#room.own ? "over" : "lobby");
    }
    // Who waits is in the lobby until let in, whoever of my pages asked.
    if (this.#phase === "sentAway" && short?.mine === "waiting") this.#wait();
    this.render();
    if (this.#isIn()) this.contribution.check(this.#room);
  }

  /**
   * The link is up again after a break: the server may have missed me for long enough to take me out. Until what it
   * answers is seen, that I was out is no news.
   */
  async linkUp() {
    if (!this.isInside) return;
    const { life } = this.desk.link;
    this.#returning = "asking";
    const { refusal } = await this.desk.acts.make(`join:${this.id}`, "consultation.join", { consultation: this.id });
    // Lost again: the next time it is up begins anew.
    if (!this.isInside || this.desk.link.state !== "up" || life !== this.desk.link.life) return;
    this.#returning = "answered";
    // Whom it had not missed needs no way back: a full disk sends nobody out.
    if (refusal && !this.#isPresent()) {
      this.#goOut("lobby");
      return;
    }
    if (this.desk.link.store.codeOf(this.#topic)) this.#follow();
    this.contribution.begin();
    this.update();
    this.contribute();
  }

  /** What I send changed: say which of it belongs here. */
  async contribute() {
    this.controls.render();
    if (!this.isInside) return;
    const { own } = this.desk;
    tellHeadset({ microphone: own.isOn("microphone"), camera: own.isOn("camera") });
    if (this.#isIn()) await this.contribution.tell(this.#room);
    this.stage.render();
  }

  /** This page goes, and what it sends. */
  letGo() {
    if (this.#isIn()) this.contribution.letGo(this.#room);
  }

  #isPresent() {
    return this.#room?.own?.attendance === "present" && this.#room.consultation.stage === "running";
  }

  #isIn() {
    return this.isInside && Boolean(this.#room?.own);
  }

  back() {
    return this.isInside && this.stage.back();
  }

  setAway(away) {
    this.stage.setAway(away);
  }

  render() {
    // Coming back: what was shown stays until there is something newer.
    if (this.isInside && !this.#room) return;
    const inside = this.isInside;
    this.lobby.element.hidden = inside;
    this.inside.hidden = !inside;
    if (inside) {
      for (const part of [this.bar, this.stage, this.controls, this.panel]) part.update(this.#room);
      this.desk.called();
    } else {
      const { store } = this.desk.link;
      this.lobby.render(this.desk.short(this.id), this.#phase, knowsAll(store));
    }
  }

  /** Leave without saying what came of it: nobody is there any more to be told. */
  #leave() {
    this.desk.link.act("consultation.leave", { consultation: this.id }).catch(() => {});
  }

  #follow() {
    this.#unfollow?.();
    this.#unfollow = this.desk.link.follow(this.#topic, () => this.update());
  }

  #goIn() {
    this.#phase = "inside";
    this.side = this.panel.element;
    this.thumb = this.controls.thumbs;
    this.contribution.begin();
    const press = (name) => () => this.controls.press(name);
    this.#unwear = wearHeadset({ microphone: press("microphone"), camera: press("camera"), leave: press("leave") });
    const wanted = joinedWith();
    for (const part of ["microphone", "camera"]) if (wanted[part]) this.desk.own.turn(part, true);
    this.desk.changed();
    this.contribute();
  }

  #wait() {
    this.#phase = "joining";
    this.#follow();
  }

  #goOut(phase) {
    this.#phase = phase;
    this.#returning = "";
    this.side = null;
    this.thumb = [];
    this.#unfollow?.();
    this.#unfollow = null;
    this.#unwear();
    this.stage.dispose();
    this.desk.own.stop();
    this.desk.changed();
    this.render();
  }

  #draw() {
    if (!this.isInside) return;
    this.stage.renderStates();
    this.bar.renderTime();
    if (this.#room) this.stage.prompts.update(this.#room);
    if (this.#isIn()) this.contribution.check(this.#room);
  }

  async #start() {
    const done = await this.desk.acts.run(`join:${this.id}`, "consultation.start", { consultation: this.id });
    if (done) this.join();
  }
}
