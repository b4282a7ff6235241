"use strict";
(async () => {
  const find = (id) => document.getElementById(id);
  const map = find("map"), pen = map.getContext("2d");
  const data = JSON.parse(find("data").textContent);
  const [rows, columns] = data.shape, [across, down] = data.metres;
  const tall = down / across; // how high a pixel is drawn, in widths
  if (typeof DecompressionStream === "undefined") {
    find("fault").textContent = "This map needs a browser of 2023 or later.";
    return;
  }

  // Layers: codes, one a pixel, with a colour each; the picture of a layer is made when it is first shown.
  const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const inflated = async (text) => {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const layers = await Promise.all(data.layers.map(async (layer) => ({
    ...layer, codes: await inflated(layer.codes), colours: bytes(layer.colours), picture: null,
  })));
  const pictured = (layer) => {
    if (!layer.picture) {
      layer.picture = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
      const colours = new Uint32Array(layer.colours.buffer), pixels = new Uint32Array(rows * columns);
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[layer.codes[i]];
      const image = new ImageData(new Uint8ClampedArray(pixels.buffer), columns, rows);
      layer.picture.getContext("2d").putImageData(image, 0, 0);
    }
    return layer.picture;
  };
  const number = (layer, code) => (layer.low + code * layer.step).toFixed(layer.digits);
  const valued = (layer, code) => {
    if (code === 255) return "no data";
    if (layer.classes[code] !== undefined) return layer.classes[code];
    const more = layer.open_ended && code >= layer.top ? "≥ " : "";
    return `${more}${number(layer, code)} ${layer.unit}`.trim();
  };

  // The view: which place of the raster stands in the middle, and how many screen pixels wide a pixel of it is.
  const view = { column: columns / 2, row: rows / 2, scale: 1 };
  let shown = 0, opacity = 1, beneath = -1, cursor = null, byKey = false, waiting = false;
  const size = () => [map.clientWidth, map.clientHeight];
  const least = () => {
    const [width, height] = size();
    return Math.min(width / columns, height / (rows * tall)) / 4;
  };
  const place = ([x, y]) => {
    const [width, height] = size();
    return [view.column + (x - width / 2) / view.scale, view.row + (y - height / 2) / view.scale / tall];
  };
  const hold = () => {
    view.column = Math.min(Math.max(view.column, 0), columns);
    view.row = Math.min(Math.max(view.row, 0), rows);
  };
  const zoom = (factor, at) => {
    const before = place(at);
    view.scale = Math.min(Math.max(view.scale * factor, least()), 60);
    const after = place(at);
    view.column += before[0] - after[0];
    view.row += before[1] - after[1];
    hold();
    draw();
  };
  const move = (x, y) => {
    view.column -= x / view.scale;
    view.row -= y / view.scale / tall;
    hold();
    draw();
  };
  const all = () => {
    const [width, height] = size(), wide = width > 760;
    const left = 12, right = wide ? 312 : 12;
    const top = document.querySelector("header").getBoundingClientRect().bottom + 10;
    const foot = document.querySelector(wide ? "footer" : "aside").getBoundingClientRect();
    const bottom = height - Math.max(foot.top, height / 2) + 10;
    const scale = Math.min((width - left - right) / columns, (height - top - bottom) / (rows * tall));
    view.scale = Math.max(scale, least());
    view.column = columns / 2 + (right - left) / 2 / view.scale;
    view.row = rows / 2 + (bottom - top) / 2 / view.scale / tall;
    draw();
  };

  // Drawing
  const hatch = (() => {
    const tile = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
    const ink = tile.getContext("2d");
    ink.fillStyle = "#f6f6f6";
    ink.fillRect(0, 0, 8, 8);
    ink.strokeStyle = "#d5d5d5";
    for (const x of [-8, 0, 8]) {
      ink.moveTo(x, 8);
      ink.lineTo(x + 8, 0);
    }
    ink.stroke();
    return pen.createPattern(tile, "repeat");
  })();
  const paint = () => {
    waiting = false;
    const [width, height] = size(), dense = window.devicePixelRatio || 1;
    if (map.width !== Math.round(width * dense) || map.height !== Math.round(height * dense)) {
      map.width = Math.round(width * dense);
      map.height = Math.round(height * dense);
    }
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    const x = width / 2 - view.column * view.scale, y = height / 2 - view.row * view.scale * tall;
    const wide = columns * view.scale, high = rows * view.scale * tall;
    pen.fillStyle = hatch;
    pen.fillRect(x, y, wide, high);
    pen.imageSmoothingEnabled = view.scale * dense < 1;
    pen.imageSmoothingQuality = "high";
    if (beneath >= 0) pen.drawImage(pictured(layers[beneath]), x, y, wide, high);
    pen.globalAlpha = opacity;
    pen.drawImage(pictured(layers[shown]), x, y, wide, high);
    pen.globalAlpha = 1;
    pen.strokeStyle = "#888";
    pen.strokeRect(x, y, wide, high);
    if (byKey) cross(width / 2, height / 2);
    measure();
    tell();
  };
  const draw = () => {
    if (!waiting) requestAnimationFrame(paint);
    waiting = true;
  };
  const cross = (x, y) => {
    for (const [colour, thick] of [["#fff", 4], ["#222", 1.5]]) {
      pen.beginPath();
      for (const [a, b] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        pen.moveTo(x + 4 * a, y + 4 * b);
        pen.lineTo(x + 14 * a, y + 14 * b);
      }
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.stroke();
    }
    pen.lineWidth = 1;
  };
  const measure = () => {
    const longest = 130 * across / view.scale, power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].find((step) => step * power <= longest) * power;
    find("bar").style.width = `${length / across * view.scale}px`;
    find("bar").textContent = length >= 1000 ? `${length / 1000} km` : `${+length.toPrecision(1)} m`;
  };

  // What is under the pointer; after a key, what is in the middle.
  const degrees = ([column, row]) => {
    const last = data.lonlat.length - 1; // a lattice over the raster, linear in between
    const [a, b] = [row / rows * last, column / columns * last];
    const [i, j] = [a, b].map((at) => Math.min(Math.max(Math.floor(at), 0), last - 1));
    return [0, 1].map((n) => {
      const [up, under] = [data.lonlat[i], data.lonlat[i + 1]].map(
        (line) => line[j][n] + (line[j + 1][n] - line[j][n]) * (b - j));
      return up + (under - up) * (a - i);
    });
  };
  const tell = () => {
    const [width, height] = size();
    const at = byKey ? [width / 2, height / 2] : cursor;
    if (!at) return;
    const [column, row] = place(at);
    const inside = column >= 0 && row >= 0 && column < columns && row < rows;
    const pixel = inside ? Math.floor(row) * columns + Math.floor(column) : -1;
    const values = layers.map((layer) => (inside ? valued(layer, layer.codes[pixel]) : ""));
    const [lon, lat] = degrees([column, row]);
    find("told").textContent = inside
      ? `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}` +
        ` · ${layers[shown].name}: ${values[shown]}`
      : "outside of the map";
    document.querySelectorAll("#layers .value").forEach((cell, n) => { cell.textContent = values[n]; });
  };

  // The panel
  const element = (name, attributes, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
  };
  const title = (layer) => (layer.name[0].toUpperCase() + layer.name.slice(1)).replaceAll("_", " ");
  const choose = (n) => {
    if (!layers[n]) return;
    shown = n;
    document.querySelectorAll("#layers input")[n].checked = true;
    legend();
    draw();
  };
  const legend = () => {
    const layer = layers[shown];
    const colour = (code) => `rgb(${layer.colours.slice(4 * code, 4 * code + 3).join(" ")})`;
    const swatch = (words, name, fill) => {
      const box = element("span", { className: name });
      box.style.background = fill;
      return element("span", { className: "class" }, box, words);
    };
    const content = [];
    const classes = Object.keys(layer.classes).sort((a, b) => b - a);
    if (classes.length) {
      content.push(...classes.map((code) => swatch(layer.classes[code], "swatch", colour(+code))));
    } else {
      const stops = Array.from({ length: 17 }, (_, n) => colour(Math.round(n / 16 * layer.top)));
      const ramp = element("div", { className: "ramp" });
      ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
      const halved = layer.top % 2 === 0 || layer.digits > 0;
      const ends = (halved ? [0, layer.top / 2, layer.top] : [0, layer.top]).map((code) =>
        element("span", {}, (code === layer.top && layer.open_ended ? "≥ " : "") + number(layer, code)));
      content.push(element("p", {}, layer.label), ramp, element("div", { className: "ends" }, ...ends));
    }
    content.push(swatch("no data", "swatch hatch", ""));
    find("legend").replaceChildren(...content);
  };
  layers.forEach((layer, n) => {
    const radio = element("input", { type: "radio", name: "layer", onchange: () => choose(n) });
    const value = element("span", { className: "value" });
    find("layers").append(element("label", {}, radio, element("span", {}, title(layer)), value));
    find("beneath").append(element("option", { value: n }, title(layer)));
  });
  find("opacity").oninput = (event) => { opacity = event.target.value / 100; draw(); };
  find("beneath").onchange = (event) => { beneath = +event.target.value; draw(); };

  // Mouse and touch: one pointer moves, two pinch.
  const held = new Map();
  const spot = (event) => {
    const box = map.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const middle = () => {
    const [a, b = a] = [...held.values()];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, Math.hypot(a[0] - b[0], a[1] - b[1])];
  };
  map.onpointerdown = (event) => {
    map.setPointerCapture(event.pointerId);
    held.set(event.pointerId, spot(event));
    map.classList.add("held");
    cursor = spot(event);
    byKey = false;
    draw();
  };
  map.onpointermove = (event) => {
    cursor = spot(event);
    byKey = false;
    if (!held.has(event.pointerId)) return draw();
    const [x, y, apart] = middle();
    held.set(event.pointerId, cursor);
    const now = middle();
    move(now[0] - x, now[1] - y);
    if (apart && now[2]) zoom(now[2] / apart, now);
  };
  map.onpointerup = map.onpointercancel = (event) => {
    held.delete(event.pointerId);
    map.classList.toggle("held", held.size > 0);
  };
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    cursor = spot(event);
    byKey = false;
    const lines = event.deltaMode ? event.deltaY * 30 : event.deltaY;
    zoom(Math.exp(-Math.max(-200, Math.min(200, lines)) / 300), cursor);
  }, { passive: false });
  map.ondblclick = (event) => zoom(2, spot(event));

  // Keys, and the buttons that stand for them
  const press = (key) => {
    const [width, height] = size(), centre = [width / 2, height / 2];
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (steps[key]) move(...steps[key]);
    else if (key === "+" || key === "=") zoom(1.5, centre);
    else if (key === "-") zoom(1 / 1.5, centre);
    else if (key === "0") all();
    else if (/^[1-9]$/.test(key)) choose(key - 1);
    else return false;
    return true;
  };
  map.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    byKey = true;
    if (press(event.key)) event.preventDefault();
    else byKey = false;
  };
  find("zoom").onclick = (event) => {
    const button = event.target.closest("button");
    if (button) press(button.dataset.key);
  };

  if (window.matchMedia("(max-width: 760px)").matches) {
    find("choice").open = find("about").open = false;
  }
  choose(0);
  all();
  new ResizeObserver(draw).observe(map);
})();
