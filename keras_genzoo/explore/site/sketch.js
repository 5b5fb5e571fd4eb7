// A small canvas for the input of a network: drawn with a pen or the keyboard, from a file, or from an emoji.

import { button, choice, element, slider } from "./dom.js";
import { edges } from "./edges.js";
import { pixelsOfPath } from "./pen.js";
import { borderMean, read, show } from "./pixels.js";

/**
 * Args:
 *   size: [height, width] in pixels.
 *   channels: 1 or 3, channels of `image`.
 *   pen: "edges" draws black lines on white, like those of an edge detector; "ink" soft lines; "paint" in color, or in
 *     gray with one channel; "hills" soft spots of any gray, for height maps.
 *   background, ink: CSS colors.
 *   palette: CSS colors to choose from, for "paint". Defaults to any color.
 *   covered: Bool, whether a picture covers the canvas, so that its longer sides are cropped, instead of fitting into it.
 *   onChange: Called after every change.
 */
export class Sketch {
  #parts = [];
  #current = null;
  #cursor = null;
  #erasing = false;
  #colour = "#ffc83d";
  #thickness = 4;

  constructor({ size: [height, width], channels, pen, background, ink, palette, covered = false, onChange }) {
    Object.assign(this, { channels, pen, background, ink, palette, covered, onChange });
    if (palette) this.#colour = palette.at(-1);
    else if (this.#isGray) this.#colour = gray(LIGHT);
    if (pen === "hills") this.#thickness = Math.round(width / 6);
    this.canvas = element("canvas", {
      class: "sketch",
      height,
      width,
      tabIndex: 0,
      role: "img",
      "aria-label":
        `Drawing, ${width} by ${height} pixels. Arrow keys move the pen, Shift and arrow keys draw, Delete undoes.`,
    });
    this.marker = element("span", { class: "marker", hidden: true });
    this.paper = element("div", { class: "paper" }, this.canvas, this.marker);
    this.tools = this.#tools();
    this.#listen();
    this.#paint();
  }

  /** Whether everything on the canvas is shown in gray. */
  get #isGray() {
    return this.channels === 1 && (this.pen === "paint" || this.pen === "hills");
  }

  /** Float32 in [-1, 1]. */
  get image() {
    return read(this.canvas, this.channels);
  }

  get isEmpty() {
    return !this.#parts.length;
  }

  clear() {
    this.#parts = [];
    this.#changed();
  }

  undo() {
    this.#parts.pop();
    this.#changed();
  }

  /** Adds a line through points [x, y], in pixels. */
  stroke(points, colour = this.#colour, thickness = this.#thickness) {
    this.#parts.push({ points, colour, thickness, erasing: false });
    this.#changed();
  }

  /** Replaces the drawing by a picture: anything that a canvas can draw, with a width and a height. */
  picture(source) {
    const fitted = this.#fitted(source);
    this.#parts = [{ picture: this.pen === "edges" ? this.#drawn(edges(read(fitted, 3))) : this.#adapted(fitted) }];
    this.#changed();
  }

  async file(blob) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(blob);
    } catch {
      this.#say("The browser cannot read this file as a picture.");
      return;
    }
    this.picture(bitmap);
  }

  /** Replaces the drawing by an emoji of the system's font. */
  emoji(text) {
    const canvas = element("canvas", { width: 320, height: 320 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.font = "200px sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, 160, 160);
    const bounds = boundsOfInk(context.getImageData(0, 0, 320, 320));
    if (!bounds) return;
    const [x, y, width, height] = bounds;
    const cropped = element("canvas", { width, height });
    cropped.getContext("2d").drawImage(canvas, -x, -y);
    this.picture(cropped);
  }

  #tools() {
    this.status = element("p", { class: "status", role: "status" });
    const file = element("input", { type: "file", accept: "image/*", class: "visually-hidden" });
    file.addEventListener("change", () => file.files.length && this.file(file.files[0]));
    const tools = [
      choice("Tool", [[false, "Pen"], [true, "Eraser"]], false, (erasing) => (this.#erasing = erasing)).element,
      button("Undo", () => this.undo()),
      button("Clear", () => this.clear()),
      element("label", { class: "button" }, "Open a picture…", file),
    ];
    if (this.palette) {
      const colours = this.palette.map((colour, label) => [colour, swatch(colour, `${label}`)]);
      const labels = choice("Label", colours, this.#colour, (colour) => (this.#colour = colour)).element;
      tools.push(labels);
    } else if (this.#isGray) {
      const range = { min: 0, max: 255, step: 1, value: LIGHT };
      const title = this.pen === "hills" ? "Height" : "Lightness";
      tools.push(slider(title, range, (value) => (this.#colour = gray(value))).element);
    } else if (this.pen === "paint") {
      const colour = element("input", { type: "color", value: this.#colour });
      colour.addEventListener("input", () => (this.#colour = colour.value));
      tools.push(element("label", { class: "colour" }, "Color ", colour));
    }
    if (this.pen === "paint" || this.pen === "hills") {
      const range = { min: 1, max: Math.max(24, this.#thickness), step: 1, value: this.#thickness };
      tools.push(slider("Thickness", range, (value) => (this.#thickness = value)).element);
    }
    if (["edges", "paint"].includes(this.pen) && !this.palette) {
      const text = element("input", { type: "text", value: "🙂", size: 3, maxLength: 16, "aria-label": "Emoji" });
      tools.push(
        element("span", { class: "joined" }, text, button("Use emoji", () => this.emoji(text.value.trim()))),
      );
    }
    return element("div", { class: "tools" }, ...tools, this.status);
  }

  #listen() {
    const { canvas } = this;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [
        ((event.clientX - box.left) / box.width) * canvas.width,
        ((event.clientY - box.top) / box.height) * canvas.height,
      ];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#begin(place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#current) return;
      for (const each of event.getCoalescedEvents?.() ?? [event]) this.#current.points.push(place(each));
      this.#changed();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.#current = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => (this.marker.hidden = true));
    const { paper } = this;
    paper.addEventListener("dragover", (event) => {
      event.preventDefault();
      paper.classList.add("dropping");
    });
    paper.addEventListener("dragleave", () => paper.classList.remove("dropping"));
    paper.addEventListener("drop", (event) => {
      event.preventDefault();
      paper.classList.remove("dropping");
      if (event.dataTransfer.files.length) this.file(event.dataTransfer.files[0]);
    });
  }

  #key(event) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.undo();
      return;
    }
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    const { width, height } = this.canvas;
    const before = (this.#cursor ??= [width / 2, height / 2]);
    this.#cursor = [
      Math.min(width - 0.5, Math.max(0.5, before[0] + step[0])),
      Math.min(height - 0.5, Math.max(0.5, before[1] + step[1])),
    ];
    this.marker.hidden = false;
    this.marker.style.left = `${(100 * this.#cursor[0]) / width}%`;
    this.marker.style.top = `${(100 * this.#cursor[1]) / height}%`;
    if (!event.shiftKey) {
      this.#current = null;
    } else if (this.#current) {
      this.#current.points.push(this.#cursor);
      this.#changed();
    } else {
      this.#begin(before);
      this.#current.points.push(this.#cursor);
      this.#changed();
    }
  }

  #begin(point) {
    this.#say("");
    this.#current = {
      points: [point],
      colour: this.#colour,
      thickness: this.#thickness,
      erasing: this.#erasing,
    };
    this.#parts.push(this.#current);
    this.#changed();
  }

  #changed() {
    this.#paint();
    this.onChange();
  }

  #say(text) {
    this.status.textContent = text;
  }

  #paint() {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = this.background;
    context.fillRect(0, 0, width, height);
    for (const part of this.#parts) {
      if (part.picture) context.drawImage(part.picture, 0, 0);
      else if (this.pen === "edges" && !part.erasing) this.#paintPixels(context, part);
      else if (this.pen === "hills") this.#paintHills(context, part);
      else this.#paintLine(context, part);
    }
    if (this.#isGray) show(this.canvas, read(this.canvas, 1));
  }

  /** A line whose sides fall off: the shadow of a line that lies outside of the canvas. */
  #paintHills(context, part) {
    const far = 2 * context.canvas.width + part.thickness;
    context.save();
    context.shadowColor = part.erasing ? this.background : part.colour;
    context.shadowBlur = part.thickness / 2;
    context.shadowOffsetX = far;
    this.#paintLine(context, { ...part, points: part.points.map(([x, y]) => [x - far, y]) });
    context.restore();
  }

  #paintPixels(context, { points }) {
    context.fillStyle = this.ink;
    for (const [x, y] of pixelsOfPath(points, context.canvas.height, context.canvas.width)) context.fillRect(x, y, 1, 1);
  }

  #paintLine(context, { points, colour, thickness, erasing }) {
    if (erasing && this.pen === "edges") {
      // Without antialiasing.
      context.fillStyle = this.background;
      for (const [x, y] of points) context.fillRect(Math.floor(x) - 2, Math.floor(y) - 2, 5, 5);
      return;
    }
    const kind = this.pen === "ink" ? { colour: this.ink, thickness: erasing ? 4 : 2.2 } : { colour, thickness };
    context.strokeStyle = erasing ? this.background : kind.colour;
    context.lineWidth = kind.thickness;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points.slice(1)) context.lineTo(...point);
    // Not all browsers draw a path of one point as a dot.
    if (points.length === 1) context.lineTo(points[0][0] + 0.01, points[0][1]);
    context.stroke();
  }

  /** A canvas of the sketch's size with the center of the picture, or with the whole picture on white. */
  #fitted(source) {
    const { width, height } = this.canvas;
    const fitted = element("canvas", { width, height });
    const context = fitted.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    const scale = Math[this.covered ? "max" : "min"](width / source.width, height / source.height);
    const [w, h] = [source.width * scale, source.height * scale];
    context.drawImage(source, (width - w) / 2, (height - h) / 2, w, h);
    return fitted;
  }

  /** Inverts dark drawings on light paper, if the network expects the opposite. */
  #adapted(fitted) {
    if (this.pen !== "ink") return fitted;
    const image = read(fitted, this.channels);
    const isDark = this.background === "black";
    if (borderMean(image) < 0 !== isDark) image.data = image.data.map((value) => -value);
    return this.#drawn(image);
  }

  #drawn(image) {
    const canvas = element("canvas");
    show(canvas, image);
    return canvas;
  }
}

// The lightness, or height, of a pen at first.
const LIGHT = 208;

function gray(value) {
  return `rgb(${value} ${value} ${value})`;
}

/** A text next to a square of a color. */
function swatch(colour, text) {
  const square = element("span", { class: "swatch", "aria-hidden": "true" });
  square.style.background = colour;
  return element("span", {}, square, text);
}

/** The bounding box [x, y, width, height] of the pixels that are not transparent, or null. */
function boundsOfInk({ data, width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0; i < width * height; i++) {
    if (!data[4 * i + 3]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}
