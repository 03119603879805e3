// The way a message takes, drawn as SVG for a wide or a narrow screen, and lit up stage by stage.

const SVG = "http://www.w3.org/2000/svg";
const STAGES = ["command", "decider", "event_stage", "projection", "stream"];
const EDGES = [["command", "decider"], ["decider", "event_stage"], ["event_stage", "projection"], ["event_stage", "stream"]];
const LIT_MS = 1_500;
const NARROW = matchMedia("(max-width: 719px)");

const LAYOUTS = {
  wide: {
    box: [1180, 116],
    command: [1, 22, 230, 72], decider: [297, 22, 230, 72], event_stage: [593, 22, 230, 72],
    projection: [919, 1, 260, 52], stream: [919, 63, 260, 52],
  },
  narrow: {
    box: [348, 128],
    command: [1, 1, 100, 44], decider: [124, 1, 100, 44], event_stage: [247, 1, 100, 44],
    projection: [62, 83, 124, 44], stream: [222, 83, 124, 44],
  },
};

function element(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function edgePath([ax, ay, aw, ah], [bx, by, bw, bh]) {
  if (bx > ax + aw) {
    const [x1, y1, x2, y2] = [ax + aw + 3, ay + ah / 2, bx - 4, by + bh / 2];
    const middle = (x1 + x2) / 2;
    return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}M${x2 - 6} ${y2 - 5}L${x2} ${y2}L${x2 - 6} ${y2 + 5}`;
  }
  const [x1, y1, x2, y2] = [ax + aw / 2, ay + ah + 3, bx + bw / 2, by - 4];
  return `M${x1} ${y1}C${x1} ${y2 - 12} ${x2} ${y1 + 12} ${x2} ${y2}M${x2 - 5} ${y2 - 6}L${x2} ${y2}L${x2 + 5} ${y2 - 6}`;
}

export class Diagram {
  #host;
  #words;
  #parts = new Map();
  #timers = new Map();

  constructor(host, words) {
    this.#host = host;
    this.#words = words;
    this.#draw();
    NARROW.addEventListener("change", () => this.#draw());
  }

  speak(words) {
    this.#words = words;
    this.#draw();
  }

  #draw() {
    const layout = NARROW.matches ? LAYOUTS.narrow : LAYOUTS.wide;
    const svg = element("svg", { viewBox: `0 0 ${layout.box.join(" ")}`, role: "img", "aria-label": this.#words.diagram });
    this.#parts.clear();
    for (const [from, to] of EDGES) {
      const path = element("path", { d: edgePath(layout[from], layout[to]), class: "edge" });
      svg.append(path);
      this.#parts.set(to, [path]);
    }
    for (const stage of STAGES) {
      const [x, y, width, height] = layout[stage];
      const [title, ...notes] = this.#words[stage];
      const group = element("g", { class: `stage ${stage}` });
      const lines = NARROW.matches ? 0 : notes.length;
      group.append(element("rect", { x, y, width, height, rx: 8 }),
                   element("text", { x: x + width / 2, y: y + height / 2 + 5 - lines * 8.5, class: "title" }, title));
      for (let line = 0; line < lines; line++) {
        group.append(element("text", { x: x + width / 2, y: y + height / 2 + 13 + line * 16 - (lines - 1) * 7, class: "note" }, notes[line]));
      }
      svg.append(group);
      this.#parts.set(stage, [...(this.#parts.get(stage) ?? []), group]);
    }
    this.#host.replaceChildren(svg);
  }

  light(stage) {
    clearTimeout(this.#timers.get(stage));
    const mark = (lit) => this.#parts.get(stage).forEach((part) => part.classList.toggle("lit", lit));
    mark(true);
    this.#timers.set(stage, setTimeout(() => mark(false), LIT_MS));
  }
}
