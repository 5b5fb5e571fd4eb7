// Encoding a picture of the user: the encoder of an autoencoder finds its latent.

import { element, latest } from "./dom.js";
import { borderMean } from "./pixels.js";
import { Sketch } from "./sketch.js";

export async function encodeView(model, stage) {
  const [height, width, channels] = model.image_shape;
  // White on black, or black on white, like the images of the model.
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
        "Draw, or drop a picture. The encoder computes its latent, and the decoder reconstructs the main picture from it. ",
        "Edit it with the directions, or use it as a parent.",
      ),
      sketch.paper,
      sketch.tools,
    ),
    enter: () => encode(),
  };
}
