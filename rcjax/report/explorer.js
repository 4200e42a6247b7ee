"use strict";
// Filters by hyperparameter: the runs that pass are drawn, correlated and listed.
(() => {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const root = document.getElementById("explorer");
  const tableRows = Array.from(document.querySelectorAll("table.runs tbody tr"));
  const add = (parent, tag, text = "", attributes = {}) => {
    const made = document.createElement(tag);
    made.append(text);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    parent.append(made);
    return made;
  };

  // Controls.
  const select = (parent, label, options) => {
    const made = add(add(parent, "label", `${label} `), "select", "", { "aria-label": label });
    options.forEach((text, place) => add(made, "option", text, { value: place }));
    made.addEventListener("change", update);
    return made;
  };
  const form = add(root, "div", "", { class: "controls" });
  const points = select(form, "points", ["settings (means over seeds)", "runs"]);
  const measure = select(form, "across", data.measures.map(([name]) => name));
  const outcome = select(form, "up", data.outcomes.map(([name]) => name));
  const colour = select(form, "colour", data.axes.map((axis) => axis.label));
  const filters = add(root, "div", "", { class: "controls filters" });
  const axes = [
    { label: "network", levels: data.networks, numbers: null, level: data.network },
    ...data.axes,
  ].filter((axis) => axis.levels.length > 1);
  const passes = axes.map((axis) => {
    const group = add(filters, "fieldset");
    add(group, "legend", axis.label);
    if (axis.numbers) {
      const [low, high] = ["from", "to"].map((text) => {
        const attributes = { type: "number", step: "any", "aria-label": `${axis.label} ${text}` };
        const made = add(add(group, "label", `${text} `), "input", "", attributes);
        made.addEventListener("input", update);
        return made;
      });
      return () => {
        const least = low.value === "" ? -Infinity : Number(low.value);
        const most = high.value === "" ? Infinity : Number(high.value);
        return axis.numbers.map((number) => number >= least && number <= most);
      };
    }
    const boxes = axis.levels.map((text) => {
      const label = add(group, "label");
      const box = add(label, "input", "", { type: "checkbox", checked: "" });
      label.append(text);
      box.addEventListener("change", update);
      return box;
    });
    return () => boxes.map((box) => box.checked);
  });
  const said = add(root, "p", "", { id: "explorer-said", role: "status" });
  const panels = add(root, "div", "", { class: "multiples" });
  const canvases = data.networks.map((name) => {
    const panel = add(panels, "div", "", { class: "panel" });
    const title = add(panel, "p", name, { class: "panel-title" });
    const canvas = add(panel, "canvas", "", { width: 640, height: 440, role: "img" });
    return { panel, title, canvas, drawn: [] };
  });

  // Statistics.
  const ranks = (values) => {
    const order = values.map((_, place) => place).sort((a, b) => values[a] - values[b]);
    const found = new Array(values.length);
    for (let start = 0; start < order.length;) {
      let end = start;
      while (end < order.length && values[order[end]] === values[order[start]]) end += 1;
      for (let i = start; i < end; i += 1) found[order[i]] = (start + end - 1) / 2;
      start = end;
    }
    return found;
  };
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const spearman = (marks) => {
    if (marks.length < 3) return null;
    const [x, y] = ["x", "y"].map((key) => {
      const own = ranks(marks.map((mark) => mark[key]));
      const middle = mean(own);
      return own.map((rank) => rank - middle);
    });
    const product = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
    const scale = Math.sqrt(product(x, x) * product(y, y));
    return scale > 0 ? product(x, y) / scale : null;
  };
  const rho = (marks) => {
    const value = spearman(marks);
    return value === null ? "ρ undefined" : `ρ = ${value.toFixed(3).replace("-", "\u2212")}`;
  };

  // Marks: runs, or the means of the shown runs of a setting.
  const marksOf = (shown) => {
    const x = data.measures[measure.value][1];
    const y = data.outcomes[outcome.value][1];
    const levels = data.axes[colour.value].level;
    const groups = new Map();
    shown.forEach((run) => {
      if (x[run] === null || y[run] === null) return;
      const key = points.value === "1" ? `run ${run}` : data.setting[run];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(run);
    });
    return Array.from(groups.values(), (runs) => ({
      runs, network: data.network[runs[0]], level: levels[runs[0]],
      x: mean(runs.map((run) => x[run])), y: mean(runs.map((run) => y[run])),
    }));
  };
  const ticks = (low, high) => {
    const rough = (high - low) / 4 || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((k) => k * power).find((own) => own >= rough);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + 1e-9 * step; at += step) found.push(at);
    return found;
  };
  const number = (value) => String(Number(value.toPrecision(4))).replace("-", "\u2212");
  const draw = (own, marks, ends) => {
    const [left, right, top, bottom] = [78, 626, 12, 376];
    const pen = own.canvas.getContext("2d");
    const style = getComputedStyle(document.body);
    const [ink, rule] = ["--ink", "--rule"].map((name) => style.getPropertyValue(name));
    const across = (value) => left + (right - left) * (value - ends.x[0]) / (ends.x[1] - ends.x[0]);
    const up = (value) => bottom - (bottom - top) * (value - ends.y[0]) / (ends.y[1] - ends.y[0]);
    pen.clearRect(0, 0, own.canvas.width, own.canvas.height);
    pen.font = "22px system-ui, sans-serif";
    pen.strokeStyle = rule;
    pen.fillStyle = ink;
    pen.textAlign = "center";
    for (const at of ticks(...ends.x)) {
      pen.strokeRect(across(at), top, 0, bottom - top);
      pen.fillText(number(at), across(at), bottom + 26);
    }
    pen.fillText(data.measures[measure.value][0], (left + right) / 2, bottom + 56);
    pen.textAlign = "right";
    for (const at of ticks(...ends.y)) {
      pen.strokeRect(left, up(at), right - left, 0);
      pen.fillText(number(at), left - 8, up(at) + 8);
    }
    const most = Math.max(1, data.axes[colour.value].levels.length - 1);
    const size = marks.length > 300 ? 4 : 6;
    pen.globalAlpha = marks.length > 300 ? 0.6 : 0.85;
    own.drawn = marks.map((mark) => {
      pen.fillStyle = `hsl(${260 - 210 * mark.level / most} 65% 45%)`;
      pen.beginPath();
      pen.arc(across(mark.x), up(mark.y), size, 0, 7);
      pen.fill();
      return { mark, x: across(mark.x), y: up(mark.y) };
    });
    pen.globalAlpha = 1;
  };

  function update() {
    const allowed = passes.map((of) => of());
    const passing = data.network.map((_, run) =>
      axes.every((axis, place) => allowed[place][axis.level[run]]));
    tableRows.forEach((row, run) => { row.hidden = !passing[run]; });
    const shown = data.name.map((_, run) => run)
      .filter((run) => passing[run] && data.setting[run] >= 0);
    const marks = marksOf(shown);
    const all = data.setting.filter((setting) => setting >= 0).length;
    said.textContent = `${shown.length} of ${all} runs with numbers are shown, as ${marks.length} `
      + `${points.value === "1" ? "runs" : "settings"}: Spearman ${rho(marks)}.`;
    const ends = Object.fromEntries(["x", "y"].map((key) => {
      const values = marks.map((mark) => mark[key]);
      const low = values.reduce((a, b) => Math.min(a, b), Infinity);
      const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
      const margin = 0.04 * (high - low) || 1;
      return [key, [low - margin, high + margin]];
    }));
    canvases.forEach((own, network) => {
      const inside = marks.filter((mark) => mark.network === network);
      own.panel.hidden = !inside.length;
      if (!inside.length) return;
      const text = `${data.networks[network]}: ${inside.length} marks, Spearman ${rho(inside)}`;
      own.title.textContent = text;
      own.canvas.setAttribute("aria-label", text);
      draw(own, inside, ends);
    });
  }

  // What lies below the pointer.
  const hint = document.getElementById("hint");
  for (const own of canvases) {
    own.canvas.addEventListener("pointermove", (event) => {
      event.stopPropagation();
      const box = own.canvas.getBoundingClientRect();
      const scale = own.canvas.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const away = (one) => (one.x - x) ** 2 + (one.y - y) ** 2;
      const near = own.drawn.filter((one) => away(one) < 200).sort((a, b) => away(a) - away(b))[0];
      hint.hidden = !near;
      if (!near) return;
      const run = near.mark.runs[0];
      hint.textContent = [
        near.mark.runs.map((one) => data.name[one]).join(", "),
        ...data.axes.map((axis) => `${axis.label} ${axis.levels[axis.level[run]]}`),
        `${data.measures[measure.value][0]} ${number(near.mark.x)}`,
        `${data.outcomes[outcome.value][0]} ${number(near.mark.y)}`,
      ].join("\n");
      const size = hint.getBoundingClientRect();
      hint.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - size.width - 8))}px`;
      const below = event.clientY + 14;
      const fits = below + size.height <= innerHeight;
      hint.style.top = `${Math.max(8, fits ? below : event.clientY - size.height - 10)}px`;
    });
  }
  update();
})();
