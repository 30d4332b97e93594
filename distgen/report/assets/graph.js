"use strict";
(function () {
  const rows = window.distgenGraph;
  const canvas = document.getElementById("canvas");
  if (!canvas || !rows || !window.d3) return;
  const d3 = window.d3;
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const below = new Map();
  const firstParent = (row) => row.parents.find((key) => byKey.has(key)) || "";
  for (const row of rows) {
    const parent = firstParent(row);
    if (!below.has(parent)) below.set(parent, []);
    below.get(parent).push(row);
  }
  const reached = new Set();
  for (const row of rows) {
    let at = row.change ? row : undefined;
    while (at && !reached.has(at.key)) {
      reached.add(at.key);
      at = byKey.get(firstParent(at));
    }
  }
  const opened = new Set();
  let isWhole = false;

  function size(row) {
    return (below.get(row.key) || []).reduce((sum, child) => sum + size(child), 1);
  }

  function branch(key) {
    const all = below.get(key) || [];
    // What a person opened is shown with all that is below it.
    const isOpen = isWhole || opened.has(key) || (key !== "" && !reached.has(key));
    const shown = isOpen ? all : all.filter((row) => reached.has(row.key));
    const nodes = shown.map((row) => ({ row, key: row.key, children: branch(row.key) }));
    const rest = isOpen ? 0 : all.reduce((sum, row) => sum + (reached.has(row.key) ? 0 : size(row)), 0);
    if (rest) nodes.push({ key: "+" + key, fold: key, rest, children: [] });
    return nodes;
  }

  const svg = d3.select(canvas).append("svg").attr("role", "group")
    .attr("aria-label", "Images and what they are built on");
  const layer = svg.append("g");
  // A wheel alone goes on down the page.
  const zoom = d3.zoom().scaleExtent([0.05, 4])
    .filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey : !event.button && !event.ctrlKey))
    .on("zoom", (event) => layer.attr("transform", event.transform));
  svg.call(zoom).on("dblclick.zoom", null);
  const line = d3.linkHorizontal().x((point) => point[0]).y((point) => point[1]);
  // A line begins behind the name, so that it crosses none in its own row.
  const path = (link) => line({
    source: [link.source.y + link.source.width, link.source.x],
    target: [link.target.y - 7, link.target.x],
  });
  let places = new Map();

  function draw() {
    const root = d3.tree().nodeSize([24, 1])(d3.hierarchy({ key: "", children: branch("") }));
    const nodes = root.descendants().filter((node) => node.depth);
    places = new Map(nodes.map((node) => [node.data.key, node]));
    layer.selectAll("*").remove();
    const marks = nodes.map((node) => (node.data.row ? image(node.data.row) : fold(node.data)));
    nodes.forEach((node, at) => {
      node.width = marks[at].select("text").node().getComputedTextLength() + 20;
    });
    place(nodes);
    const links = layer.insert("g", ":first-child").attr("aria-hidden", "true");
    links.selectAll("path.link").data(root.links().filter((link) => link.source.depth)).join("path")
      .attr("class", "link").attr("d", path);
    const further = nodes.flatMap((node) => (node.data.row ? node.data.row.parents : [])
      .filter((key) => places.has(key) && key !== firstParent(node.data.row))
      .map((key) => ({ source: places.get(key), target: node })));
    links.selectAll("path.further").data(further).join("path")
      .attr("class", "link further").attr("d", path);
    nodes.forEach((node, at) => {
      marks[at].attr("transform", "translate(" + node.y + "," + node.x + ")").attr("data-key", node.data.key);
    });
    mark();
  }

  // Each column is as wide as its widest name.
  function place(nodes) {
    const widths = [];
    for (const node of nodes) widths[node.depth] = Math.max(widths[node.depth] || 0, node.width);
    const starts = [0, 0];
    for (let depth = 1; depth < widths.length; depth += 1) starts.push(starts[depth] + widths[depth] + 48);
    for (const node of nodes) node.y = starts[node.depth];
  }

  // Names differ at their ends; the whole one is in the title.
  function shorten(name) {
    return name.length <= 48 ? name : name.slice(0, 20) + "\u2026" + name.slice(-27);
  }

  function image(row) {
    const holder = row.page ? layer.append("a").attr("href", row.page) : layer.append("g").attr("role", "img");
    const words = row.key + ", " + (row.change || "untouched");
    holder.attr("class", "node " + (row.change || "untouched")).attr("aria-label", words);
    holder.append("title").text(words);
    holder.append("circle").attr("r", 6);
    holder.append("text").attr("x", 11).attr("y", 4).text(shorten(row.key));
    return holder;
  }

  function fold(data) {
    const words = "+" + data.rest + " untouched";
    function open() {
      opened.add(data.fold);
      draw();
      // The button is gone; the keyboard goes on where it led.
      const first = (below.get(data.fold) || []).find((row) => !reached.has(row.key));
      const nodes = layer.selectAll(".node").filter(function () { return this.dataset.key === first.key; });
      nodes.attr("tabindex", -1).node().focus();
    }
    const holder = layer.append("g").attr("role", "button").attr("tabindex", 0).attr("class", "node fold")
      .attr("aria-label", words + (data.fold ? " on " + data.fold : ""));
    holder.append("circle").attr("r", 6);
    holder.append("text").attr("x", 11).attr("y", 4).text(words);
    holder.on("click", open).on("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); }
    });
    return holder;
  }

  // What is too small to read is shown from its first image on.
  function fit(least) {
    const box = layer.node().getBBox();
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!box.width || !width) return;
    const across = Math.min(1, width / (box.width + 40));
    const whole = Math.min(across, height / (box.height + 40));
    const scale = least ? Math.max(least, across) : whole;
    const first = places.values().next().value;
    const top = scale > whole
      ? Math.min(20 - box.y * scale, height / 2 - first.x * scale)
      : (height - box.height * scale) / 2 - box.y * scale;
    svg.call(zoom.transform, d3.zoomIdentity.translate(20 - box.x * scale, top).scale(scale));
  }

  const find = document.getElementById("find"), hits = document.getElementById("hits");
  function mark() {
    const words = find.value.toLowerCase();
    const isHit = (key) => words !== "" && key.toLowerCase().includes(words);
    layer.selectAll(".node").classed("hit", function () { return isHit(this.dataset.key); });
    const matches = [...places.values()].filter((node) => node.data.row && isHit(node.data.key));
    hits.textContent = words === "" ? "" : matches.length === 1 ? "1 image" : matches.length + " images";
    return matches;
  }
  find.addEventListener("input", () => {
    const matches = mark();
    if (matches.length) svg.call(zoom.translateTo, matches[0].y, matches[0].x);
  });
  document.getElementById("closer").addEventListener("click", () => svg.call(zoom.scaleBy, 1.5));
  document.getElementById("farther").addEventListener("click", () => svg.call(zoom.scaleBy, 1 / 1.5));
  document.getElementById("fit").addEventListener("click", () => fit(0));
  const whole = document.getElementById("whole");
  whole.hidden = rows.length >= 1000;
  whole.addEventListener("click", () => {
    isWhole = !isWhole;
    opened.clear();
    whole.setAttribute("aria-pressed", String(isWhole));
    draw();
    fit(0.7);
  });

  document.getElementById("picture").hidden = false;
  draw();
  fit(0.7);
})();
