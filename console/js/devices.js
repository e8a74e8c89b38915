// The dialog that chooses camera and microphone: choose, look, use; and says in words what is wrong.

import { CaptureError, listDevices, mayCapture, onGone, openCamera, openTestPicture, stopSource } from "./capture.js";
import { Dialog } from "./dialog.js";
import { h, icon, setText } from "./dom.js";
import { has, t } from "./i18n.js";
import { chosenDevices, keepDevices, NONE, TEST } from "./own.js";

export class DevicesDialog extends Dialog {
  #source = null;
  #error = null;
  #opening = 0;
  #publishes = false;
  #chosen = chosenDevices();

  /** `use(publishes)`: other devices were chosen; `name()`, `now()` (server UTC in ms) for the test picture. */
  constructor({ use, name, now }) {
    super("publish.title", { closed: () => this.#release() });
    this.use = use;
    this.name = name;
    this.now = now;
    this.#build();
  }

  /** Ask; with `publishes` what is chosen is sent then. */
  async ask({ publishes = false, error = null } = {}) {
    this.#publishes = publishes;
    this.titleKey = publishes ? "publish.title" : "devices.title";
    super.open(this.camera);
    await this.#begin(error);
  }

  render() {
    super.render();
    setText(this.cameraLabel, t("publish.camera"));
    setText(this.microphoneLabel, t("publish.microphone"));
    setText(this.go, t(this.#publishes ? "publish.go" : "devices.go"));
    setText(this.again, t("publish.retry"));
    setText(this.cancel, t("dialog.cancel"));
    this.go.disabled = this.#publishes && !this.#source;
    this.microphone.disabled = this.camera.value === TEST;
    this.#renderTrouble();
    setText(this.note, this.#source ? "" : t(this.#error ? "publish.noPicture" : "publish.opening"));
    for (const option of [...this.camera.options, ...this.microphone.options]) {
      if (option.dataset.key) setText(option, t(option.dataset.key, { n: option.dataset.n }));
    }
  }

  #renderTrouble() {
    const error = this.#error;
    this.trouble.hidden = !error;
    this.again.hidden = !error;
    if (!error) return;
    setText(this.troubleWords, t(has(`error.${error.code}`) ? `error.${error.code}` : "error.other"));
    setText(this.troubleCode, [error.code, error.detail].filter(Boolean).join(" · "));
  }

  /** Show what there is to choose and what is chosen; `keep` as in `#look`. */
  async #begin(keep = null) {
    this.#chosen = chosenDevices();
    if (!mayCapture()) this.#chosen.camera = TEST;
    await this.#fillDevices();
    await this.#look(keep);
    // With the permission come the names.
    await this.#fillDevices();
  }

  async #fillDevices() {
    const { cameras, microphones } = await listDevices();
    // Read only now: a person may have chosen while the browser counted its devices.
    const { camera, microphone } = this.#chosen;
    fill(this.camera, cameras, "publish.camera.n", [[TEST, "publish.test"]], camera);
    fill(this.microphone, microphones, "publish.microphone.n", [[NONE, "publish.noSound"]], microphone);
    this.render();
  }

  #choose() {
    this.#chosen = { camera: this.camera.value, microphone: this.microphone.value };
    this.#look();
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
    onGone(source, (error) => this.#begin(error));
  }

  async #openChosen() {
    if (this.camera.value === TEST) return openTestPicture(this.name, this.now);
    const microphone = this.microphone.value === NONE ? null : this.microphone.value;
    return openCamera(this.camera.value, microphone);
  }

  #done() {
    keepDevices({ camera: this.camera.value, microphone: this.microphone.value });
    this.close();
    this.use(this.#publishes);
  }

  #release() {
    if (this.#source) stopSource(this.#source);
    this.#source = null;
    this.video.srcObject = null;
  }

  #build() {
    this.video = h("video", { autoplay: true, playsInline: true, muted: true });
    this.note = h("div", { class: "note-over" });
    this.camera = h("select", { on: { change: () => this.#choose() } });
    this.microphone = h("select", { on: { change: () => this.#choose() } });
    [this.cameraLabel, this.microphoneLabel] = [h("span"), h("span")];
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
      h("div", { class: "row" }, this.cancel, this.again, this.go),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#done();
    });
    this.body.append(form);
  }
}

/** Fill a choice with devices and then the `extra` ones, with `chosen` chosen if it is there. */
function fill(select, devices, unnamedKey, extra, chosen) {
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
  if (options.some((option) => option.value === chosen)) select.value = chosen;
}
