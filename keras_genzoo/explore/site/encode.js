// A picture of one's own becomes the latent on the stage: an autoencoder finds it.

import { element, latest } from "./dom.js";
import { borderMean } from "./pixels.js";
import { Sketch } from "./sketch.js";

export async function encodeView(model, stage) {
  const [height, width, channels] = model.image_shape;
  // White on black, or black on white: what the model draws.
  const [typical] = await model.generate([new Float32Array(model.latent.dim)]);
  const isDark = borderMean(typical) < 0;
  const encode = latest(async () => {
    if (sketch.isEmpty) return;
    const latent = await model.encode(sketch.image);
    await stage.set(latent, { title: "your drawing, encoded and decoded" });
  });
  const sketch = new Sketch({
    size: [height, width],
    channels,
    pen: channels === 1 ? "ink" : "paint",
    background: isDark ? "black" : "white",
    ink: isDark ? "white" : "black",
    onChange: encode,
  });
  return {
    title: "Draw",
    sketch,
    element: element(
      "div",
      {},
      element(
        "p",
        { class: "hint" },
        "Draw, or drop a picture. The encoder finds its latent, and what the decoder makes of that is the picture on ",
        "the stage: change it by the directions, or make it a parent.",
      ),
      sketch.paper,
      sketch.tools,
    ),
    enter: () => encode(),
  };
}
