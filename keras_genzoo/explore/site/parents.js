// The two parent latents, shared by the views for mixing and for paths.

import { button, element } from "./dom.js";
import { show } from "./pixels.js";

export class Parents extends EventTarget {
  constructor(model, stage) {
    super();
    this.model = model;
    this.stage = stage;
    this.latents = model.draw(2, 1);
  }

  /** A card for each parent, to be used by one view. */
  cards() {
    return ["A", "B"].map((name, i) => {
      const canvas = element("canvas", { class: "parent-picture", role: "img", "aria-label": `Parent ${name}` });
      const draw = async () => {
        const [image] = await this.model.generate([this.latents[i]], [this.stage.label]);
        show(canvas, image);
      };
      this.addEventListener("change", draw);
      return element(
        "div",
        { class: "parent" },
        canvas,
        element(
          "div",
          {},
          element("strong", {}, `Parent ${name}`),
          button("Use the picture", () => this.set(i, this.stage.latent)),
          button("Random", () => this.set(i, this.model.draw(1, Math.floor(Math.random() * 2 ** 32))[0])),
        ),
      );
    });
  }

  set(i, latent) {
    this.latents[i] = latent;
    this.dispatchEvent(new Event("change"));
  }
}
