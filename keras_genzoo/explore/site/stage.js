// The main picture, which all views of a model with latents share.

import { button, choice, element, latest } from "./dom.js";
import { download, show } from "./pixels.js";

export class Stage extends EventTarget {
  constructor(model) {
    super();
    this.model = model;
    this.latent = model.draw(1, 0)[0];
    this.shift = model.noShift();
    this.label = 0;
    this.title = "";
    this.canvas = element("canvas", { class: "picture", role: "img" });
    this.caption = element("p", { class: "caption" });
    this.timing = element("p", { class: "timing" });
    this.labels = model.num_classes ? this.#labelChoice() : null;
    this.element = element(
      "section",
      { class: "stage", "aria-label": "The picture" },
      this.canvas,
      element(
        "div",
        { class: "below" },
        this.caption,
        this.timing,
        this.labels?.element ?? null,
        element(
          "div",
          { class: "row" },
          button("Random", () => this.randomize()),
          button("Download PNG", () => download(this.canvas, `${model.name} ${this.title}`)),
        ),
      ),
    );
    this.draw = latest(async () => {
      const [image] = await model.generate([this.latent], [this.label], this.shift && [this.shift]);
      show(this.canvas, image);
      this.timing.textContent = `${model.timePerImage.toFixed(1)} ms per image`;
      this.timing.dataset.milliseconds = model.timePerImage;
    });
  }

  /** The vector that directions move: the latent, or for models with a mapping network the shift of its output. */
  get edited() {
    return this.model.mapsLatents ? this.shift : this.latent;
  }

  edit(edited, options) {
    if (!this.model.mapsLatents) return this.set(edited, options);
    return this.set(this.latent, { ...options, shift: edited });
  }

  /** Sets the latent. Views receive the event "change", whose `detail` is the view that caused it. */
  set(latent, { title = "edited", label = this.label, shift = this.model.noShift(), by = null } = {}) {
    Object.assign(this, { latent, title, label, shift });
    this.caption.textContent = title;
    this.canvas.setAttribute("aria-label", `Picture: ${title}`);
    if (this.labels) this.labels.value = label;
    this.dispatchEvent(new CustomEvent("change", { detail: by }));
    return this.draw();
  }

  randomize() {
    const seed = Math.floor(Math.random() * 2 ** 32);
    return this.set(this.model.draw(1, seed)[0], { title: `seed ${seed}, image 1` });
  }

  #labelChoice() {
    const options = Array.from({ length: this.model.num_classes }, (_, label) => [label, String(label)]);
    return choice("Class", options, 0, (label) => this.set(this.latent, { title: this.title, label, shift: this.shift }));
  }
}
