// The dialog that publishes my camera: choose, look, name, start; and says in words what is wrong.

import { CaptureError, listDevices, mayCapture, onGone, openCamera, openTest, stopSource } from "./capture.js";
import { Dialog } from "./dialog.js";
import { h, icon, setText } from "./dom.js";
import { has, t } from "./i18n.js";

const TEST = "test";
const NONE = "none";
const KEEP_NAME = "huishang.publish.name";

export class PublishDialog extends Dialog {
  #source = null;
  #error = null;
  #opening = 0;
  #starting = false;

  /** `start(source, name)` publishes, `cancel()` takes that back; `now()` is server UTC in ms for the test picture. */
  constructor({ start, cancel, now }) {
    super("publish.title", { closed: () => this.#closed() });
    this.start = start;
    this.takeBack = cancel;
    this.now = now;
    this.#build();
  }

  async open() {
    this.#starting = false;
    this.#error = null;
    super.open(this.name);
    await this.#begin();
  }

  /** Closed before what `start` began came to anything. Browsers tell of that only later, by an event. */
  get isCancelled() {
    return this.#starting && !this.isOpen;
  }

  /** What `start` began was refused, or the camera went: say it here, with a way to try again. */
  fail(error) {
    this.#starting = false;
    this.#error = error;
    super.open();
    this.#begin(error);
  }

  /** Publishing runs: the dialog has done its work. */
  done() {
    this.#starting = false;
    this.#release();
    this.close();
  }

  render() {
    super.render();
    setText(this.cameraLabel, t("publish.camera"));
    setText(this.microphoneLabel, t("publish.microphone"));
    setText(this.nameLabel, t("publish.name"));
    this.name.placeholder = t("publish.name.example");
    setText(this.go, t(this.#starting ? "publish.starting" : "publish.go"));
    setText(this.again, t("publish.retry"));
    setText(this.cancel, t("dialog.cancel"));
    this.go.disabled = this.#starting || !this.#source;
    this.camera.disabled = this.#starting;
    this.microphone.disabled = this.#starting || this.camera.value === TEST;
    this.#renderTrouble();
    const shows = this.#source || this.#starting;
    setText(this.note, shows ? "" : t(this.#error ? "publish.noPicture" : "publish.opening"));
    this.#renderOptions();
  }

  #renderTrouble() {
    const error = this.#error;
    this.trouble.hidden = !error;
    this.again.hidden = !error;
    if (!error) return;
    setText(this.troubleWords, t(has(`error.${error.code}`) ? `error.${error.code}` : "error.other"));
    setText(this.troubleCode, [error.code, error.detail].filter(Boolean).join(" · "));
  }

  #renderOptions() {
    for (const option of [...this.camera.options, ...this.microphone.options]) {
      if (option.dataset.key) setText(option, t(option.dataset.key, { n: option.dataset.n }));
    }
  }

  /** Show what there is to choose and what is chosen; `keep` as in `#look`. */
  async #begin(keep = null) {
    await this.#fillDevices();
    if (!mayCapture()) this.camera.value = TEST;
    await this.#look(keep);
    // With the permission come the names.
    await this.#fillDevices();
  }

  async #fillDevices() {
    const { cameras, microphones } = await listDevices();
    fill(this.camera, cameras, "publish.camera.n", [[TEST, "publish.test"]]);
    fill(this.microphone, microphones, "publish.microphone.n", [[NONE, "publish.noSound"]]);
    this.render();
  }

  /** Open what is chosen and show it; `keep` is an error that stays in view if that works. */
  async #look(keep = null) {
    const turn = ++this.#opening;
    this.#release();
    this.#error = keep;
    this.render();
    try {
      const source = await this.#openChosen();
      if (turn !== this.#opening || !this.isOpen) stopSource(source);
      else this.#take(source);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      if (turn === this.#opening) this.#error = error;
    }
    this.video.srcObject = this.#source?.stream ?? null;
    this.render();
  }

  #take(source) {
    this.#source = source;
    onGone(source, (error) => this.fail(error));
  }

  async #openChosen() {
    if (this.camera.value === TEST) return openTest(() => this.#chosenName(), this.now);
    const microphone = this.microphone.value === NONE ? null : this.microphone.value;
    return openCamera(this.camera.value, microphone);
  }

  #chosenName() {
    return this.name.value.trim() || t("publish.name.default");
  }

  #publish() {
    if (!this.#source || this.#starting) return;
    this.#starting = true;
    this.#error = null;
    localStorage.setItem(KEEP_NAME, this.name.value.trim());
    this.render();
    const source = this.#source;
    // From here the publisher owns the source; the preview goes on showing it until the dialog closes.
    this.#source = null;
    this.start(source, this.#chosenName());
  }

  #closed() {
    if (this.#starting) this.takeBack();
    this.#starting = false;
    this.#release();
  }

  #release() {
    if (this.#source) stopSource(this.#source);
    this.#source = null;
    this.video.srcObject = null;
  }

  #build() {
    this.video = h("video", { autoplay: true, playsInline: true, muted: true });
    this.note = h("div", { class: "note" });
    this.camera = h("select", { on: { change: () => this.#look() } });
    this.microphone = h("select", { on: { change: () => this.#look() } });
    this.name = h("input", { type: "text", maxLength: 60, autocomplete: "off" });
    this.name.value = localStorage.getItem(KEEP_NAME) ?? "";
    [this.cameraLabel, this.microphoneLabel, this.nameLabel] = [h("span"), h("span"), h("span")];
    this.troubleWords = h("div");
    this.troubleCode = h("div", { class: "code" });
    const trouble = h("div", {}, this.troubleWords, this.troubleCode);
    this.trouble = h("div", { class: "trouble", role: "alert", hidden: true }, icon("alert"), trouble);
    this.go = h("button", { class: ["button", "main"] });
    this.again = h("button", { class: "button", type: "button", on: { click: () => this.#begin() } });
    this.cancel = h("button", { class: "button", type: "button", on: { click: () => this.close() } });
    const field = (label, control) => h("label", { class: "field" }, label, control);
    const pair = [field(this.cameraLabel, this.camera), field(this.microphoneLabel, this.microphone)];
    const form = h(
      "form",
      { method: "dialog" },
      h("div", { class: "preview" }, this.video, this.note),
      this.trouble,
      h("div", { class: "pair" }, pair),
      field(this.nameLabel, this.name),
      h("div", { class: "row" }, this.cancel, this.again, this.go),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#publish();
    });
    this.body.append(form);
  }
}

/** Fill a choice with devices and then the `extra` ones, keeping what was chosen. */
function fill(select, devices, unnamedKey, extra) {
  const before = select.value;
  const options = devices.map(({ id, label }, index) => {
    const option = h("option", {}, label);
    option.value = id;
    if (!label) Object.assign(option.dataset, { key: unnamedKey, n: String(index + 1) });
    return option;
  });
  for (const [value, key] of extra) {
    const option = h("option", { data: { key } });
    option.value = value;
    options.push(option);
  }
  select.replaceChildren(...options);
  if (options.some((option) => option.value === before)) select.value = before;
}
