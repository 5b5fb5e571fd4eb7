// A model of the zoo: its description, and its networks in ONNX Runtime.

import * as ort from "./runtime.js";
import { between, draw, moved } from "./latent.js";

// More threads need headers that a plain file server does not send.
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

export async function listModels() {
  return (await fetched("models/index.json")).json();
}

export async function loadModel(name) {
  const folder = `models/${encodeURIComponent(name)}`;
  const description = await (await fetched(`${folder}/model.json`)).json();
  return new Model(folder, description);
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  return response;
}

class Model {
  #folder;
  #sessions = {};
  #last = Promise.resolve();
  #times = [];

  constructor(folder, description) {
    this.#folder = folder;
    Object.assign(this, description);
    this.imageNetwork = ["generate", "decode"].find((name) => name in this.networks);
  }

  /** Milliseconds that one image took, the median of the last ones. */
  get timePerImage() {
    return this.#times.toSorted((a, b) => a - b)[Math.floor((this.#times.length - 1) / 2)];
  }

  get canEncode() {
    return "encode" in this.networks;
  }

  /** Whether an edit shifts what the network makes of a latent, and not the latent. */
  get mapsLatents() {
    return "edit" in this.networks;
  }

  /** A shift that changes nothing; null where the latents themselves are edited. */
  noShift() {
    if (!this.mapsLatents) return null;
    const { shape } = this.networks.edit.inputs.find(({ name }) => name === "shift");
    return new Float32Array(shape[1]);
  }

  // Latents.

  draw(num, seed) {
    const { dim } = this.latent;
    const rows = draw(this, num, seed);
    return Array.from({ length: num }, (_, row) => rows.slice(row * dim, (row + 1) * dim));
  }

  between(start, end, position) {
    return between(this.latent, start, end, position);
  }

  moved(start, vector, amount) {
    const distribution = this.mapsLatents ? null : this.latent;
    return moved(distribution, start, vector, amount);
  }

  // Networks.

  /** Images of latents, of a label each where the model has classes, and of a shift each where it maps latents. */
  async generate(latents, labels, shifts = null) {
    const inputs = { latents: stacked(latents) };
    if (this.num_classes) inputs.labels = [Int32Array.from(labels), [latents.length]];
    const isShifted = shifts?.some((shift) => shift?.some((value) => value !== 0));
    if (isShifted) inputs.shift = stacked(shifts);
    return this.#images(await this.#run(isShifted ? "edit" : this.imageNetwork, inputs, latents.length));
  }

  /** The latent of an image. */
  async encode({ data, height, width, channels }) {
    const output = await this.#run("encode", { images: [data, [1, height, width, channels]] }, 1);
    return Float32Array.from(output.data);
  }

  /** The translation of an image in one of the directions of `tasks`: into a domain and in a style, if the model has them. */
  async translate(direction, { data, height, width, channels }, { domain = 0, latent = null } = {}) {
    const inputs = { images: [data, [1, height, width, channels]] };
    if (this.tasks[direction].domains) {
      inputs.domains = [Int32Array.of(domain), [1]];
      if (this.latent) inputs.latents = stacked([latent ?? new Float32Array(this.latent.dim)]);
    }
    const [image] = this.#images(await this.#run(this.tasks[direction].network, inputs, 1));
    return image;
  }

  /** A source of a direction that the model itself samples. */
  async source(direction, seed) {
    const inputs = { latents: stacked(this.draw(1, seed)) };
    const [image] = this.#images(await this.#run(this.tasks[direction].sources_from, inputs, 1));
    return image;
  }

  /** Loads the networks that the page uses, before they are asked for. */
  async prepare() {
    const ofStyles = Object.values(this.tasks).flatMap(({ styles }) => (styles ? [styles.network, styles.encoder] : []));
    const unused = ["reconstruct", ...ofStyles];
    const used = Object.keys(this.networks).filter((name) => !unused.includes(name));
    await Promise.all(used.map((network) => this.#session(network)));
  }

  /** Releases the memory of the networks, after pending calls. */
  async release() {
    await this.#last;
    const sessions = Object.values(this.#sessions);
    this.#sessions = {};
    for (const session of sessions) await (await session).release();
  }

  #session(network) {
    this.#sessions[network] ??= ort.InferenceSession.create(`${this.#folder}/${this.networks[network].file}`);
    return this.#sessions[network];
  }

  async #run(network, inputs, num) {
    const session = await this.#session(network);
    const { inputs: specs, outputs } = this.networks[network];
    const feeds = {};
    for (const { name, dtype } of specs) {
      const [data, shape] = inputs[specs.length > 1 ? name : Object.keys(inputs)[0]];
      feeds[name] = new ort.Tensor(dtype, data, shape);
    }
    // A session takes one call after another.
    const turn = this.#last.then(async () => {
      const start = performance.now();
      const found = await session.run(feeds);
      // Of the one image on the stage, as it is moved.
      if (num === 1) this.#times = [...this.#times.slice(-8), performance.now() - start];
      return found[outputs[0].name];
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #images({ data, dims }) {
    const [num, height, width, channels] = dims;
    const size = height * width * channels;
    return Array.from({ length: num }, (_, i) => ({
      data: data.slice(i * size, (i + 1) * size),
      height,
      width,
      channels,
    }));
  }
}

/** Rows as the data and the shape of one tensor. */
function stacked(rows) {
  const data = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, i) => data.set(row, i * row.length));
  return [data, [rows.length, rows[0].length]];
}
