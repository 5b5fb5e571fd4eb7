// Helpers to build DOM elements.

/** An element with properties (or attributes, by names with a dash, and "class") and children. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function button(text, onclick, properties = {}) {
  return element("button", { type: "button", onclick, ...properties }, text);
}

/** A labeled slider, with two elements at its `ends` or none. `onInput` gets its number. */
export function slider(text, { min, max, step, value, format = String, ends = null, shown = text }, onInput) {
  const input = element("input", { type: "range", min, max, step, value, "aria-label": text });
  const output = element("output", {}, format(Number(value)));
  const refresh = () => {
    output.textContent = format(input.valueAsNumber);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    refresh();
    onInput(input.valueAsNumber);
  });
  return {
    element: element(
      "label",
      { class: ends ? "slider with-ends" : "slider" },
      element("span", {}, shown),
      ends?.[0] ?? null,
      input,
      ends?.[1] ?? null,
      output,
    ),
    get value() {
      return input.valueAsNumber;
    },
    set value(number) {
      input.value = number;
      refresh();
    },
  };
}

/** A group of radio buttons that looks like one row of buttons. `options` is a list of [value, text]. */
export function choice(legend, options, value, onChange) {
  const name = `choice-${choice.count++}`;
  const inputs = options.map(([option]) =>
    element("input", { type: "radio", name, value: option, checked: option === value }),
  );
  inputs.forEach((input, i) => input.addEventListener("change", () => onChange(options[i][0])));
  const group = element(
    "fieldset",
    { class: "choice" },
    element("legend", {}, legend),
    ...inputs.map((input, i) => element("label", {}, input, element("span", {}, options[i][1]))),
  );
  return {
    element: group,
    set value(option) {
      inputs.forEach((input, i) => (input.checked = options[i][0] === option));
    },
  };
}
choice.count = 0;

/** A selectable picture: a button around a canvas. */
export function thumbnail(label, onclick) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  return { canvas, element: button(canvas, onclick, { class: "thumbnail", "aria-label": label }) };
}

/** Marks a thumbnail as selected; -1 selects none. */
export function mark(thumbnails, chosen) {
  thumbnails.forEach((each, i) => each.element.setAttribute("aria-pressed", i === chosen));
}

/** Wraps an async function: of the calls made during a call, only the last runs, after it. */
export function latest(action) {
  let running = false;
  let waiting = null;
  return async (...given) => {
    waiting = given;
    if (running) return;
    running = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await action(...next);
      }
    } finally {
      running = false;
    }
  };
}

/** Calls `frame(seconds)` before each repaint, one call at a time, until it is stopped. */
export class Animation {
  #running = false;

  constructor(frame) {
    this.frame = frame;
  }

  get running() {
    return this.#running;
  }

  async start() {
    if (this.#running) return;
    this.#running = true;
    let before = performance.now();
    while (this.#running) {
      const now = await new Promise(requestAnimationFrame);
      await this.frame(Math.max(0, now - before) / 1000);
      before = now;
    }
  }

  stop() {
    this.#running = false;
  }
}

/** A button that starts and stops an animation. */
export function playButton(animation, start, stop, properties = {}) {
  const made = button(start, () => {
    if (animation.running) animation.stop();
    else animation.start();
    refresh();
  }, { "aria-pressed": "false", ...properties });
  const refresh = () => {
    made.textContent = animation.running ? stop : start;
    made.setAttribute("aria-pressed", animation.running);
  };
  return { element: made, refresh };
}
