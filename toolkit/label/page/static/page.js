// The labelling page: one row at a time, keys first. Text reaches the document through textContent alone.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const LETTERS = "abcdfhilmnopqrtvwyz"; // without e g j k s u x, which are commands
  const HINTS = [..."123456789", ...LETTERS];
  const MOST = 300;
  const PART = 5000;
  // Signs that turn or hide what stands beside them, and control characters but tab and line ends.
  const ODD = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;
  const KEYS = [
    ["Enter", "take the marked class, or the draft as it is"],
    ["1-9, letters", "choose what stands beside the key"],
    ["/", "search the classes; arrows move, Enter takes, Esc leaves"],
    ["e", "edit the text; Ctrl or Cmd with Enter saves, Esc leaves"],
    ["s", "skip: not for me"],
    ["x", "reject: neither this row nor its like is worth asking"],
    ["u", "take back your last answer; again for the one before"],
    ["j, k", "next and previous row, without an answer"],
    ["g", "show or hide the guideline"],
    ["?", "this list"],
  ];

  const state = { token: "", by: "", board: null, task: null, busy: false, options: [], marked: 0, recent: [], edits: new Map() };

  // ---- asking the server -------------------------------------------------------------------------------

  async function ask(path, body) {
    for (let tries = 0; ; tries += 1) {
      let reply;
      try {
        reply = await fetch(path, {
          method: "POST",
          headers: { "content-type": "application/json", "x-toolkit-token": state.token },
          body: JSON.stringify({ by: state.by, ...body }),
        });
      } catch {
        say("The server does not answer. Nothing is lost: this goes on when it is there again.", true);
        await new Promise((done) => setTimeout(done, Math.min(250 * 2 ** tries, 2000)));
        continue;
      }
      const told = await reply.json();
      if (!reply.ok) throw new Error(`${told.error} (${told.try})`);
      return told;
    }
  }

  async function doing(path, body, words) {
    if (state.busy) return;
    state.busy = true;
    try {
      const told = await ask(path, body);
      if (body.id) state.edits.delete(body.id);
      show(told);
      say(words ? words(told) : "");
    } catch (failure) {
      say(failure.message, true);
    } finally {
      state.busy = false;
    }
  }

  const move = (to) => doing("api/open", { at: state.task ? state.task.at : null, to });
  const undo = () => doing("api/undo", {}, (told) => (told.undone ? "Taken back." : "Nothing of yours to take back."));

  function give(value, status = "answered", words = "Saved.") {
    if (!state.task || state.busy) return;
    const { at, id, hash } = state.task;
    if (status === "answered" && state.task.kind === "class") {
      if (!state.board.classes.includes(value)) state.board.classes.push(value);
      state.recent = [value, ...state.recent.filter((each) => each !== value)].slice(0, 7);
    }
    doing("api/answer", { at, id, hash, value, status }, () => words);
  }

  function say(words, bad = false) {
    $("said").textContent = words;
    $("said").className = bad ? "bad" : "";
    $("said").title = words;
  }

  // ---- showing -----------------------------------------------------------------------------------------

  // A browser needs minutes to break one word of a million letters into lines, so long texts are laid out in parts.
  function fill(node, text) {
    if (text.length <= PART) return node.replaceChildren(...pieces(text));
    const parts = [];
    for (let from = 0; from < text.length; ) {
      const end = from + PART;
      const cut = end >= text.length ? 0 : Math.max(text.lastIndexOf("\n", end - 1), text.lastIndexOf(" ", end - 1)) + 1;
      const to = cut > from ? cut : end;
      parts.push(made("div", { className: "part", dir: "auto" }, ...pieces(text.slice(from, to))));
      from = to;
    }
    return node.replaceChildren(...parts);
  }

  function pieces(text) {
    const found = [];
    let from = 0;
    for (const { 0: sign, index } of text.matchAll(ODD)) {
      found.push(text.slice(from, index), made("span", { className: "odd", textContent: point(sign.charCodeAt(0)) }));
      from = index + 1;
    }
    return [...found, text.slice(from)];
  }

  const point = (code) => `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;

  function made(name, values, ...children) {
    const node = Object.assign(document.createElement(name), values);
    node.append(...children);
    return node;
  }

  const kbd = (key) => made("kbd", { textContent: key });

  function show(told) {
    const { task, progress } = told;
    state.task = task;
    $("bar").max = Math.max(progress.rows, 1);
    $("bar").value = progress.done;
    $("count").textContent = `${progress.done} of ${progress.rows}` + (progress.people > 1 ? `, all: ${progress.all}` : "");
    $("work").hidden = !task;
    $("end").hidden = Boolean(task);
    if (!task) return $("end").focus();
    $("where").textContent = task.where;
    $("reason").textContent = task.reason;
    fill($("text"), task.text);
    $("expand").hidden = task.length <= task.text.length;
    $("expand").textContent = `Show all ${task.length.toLocaleString("en")} characters`;
    near(task.nearest);
    const shown = { class: showClasses, text: showText, preference: showPair, finding: showFinding };
    for (const id of ["as-class", "as-choice", "as-text"]) $(id).hidden = true;
    $("as-choice").className = "";
    $("work").classList.toggle("pair", task.kind === "preference");
    shown[task.kind](task);
    for (const id of ["row", "answer"]) $(id).scrollTop = 0;
    return $("row").focus({ preventScroll: true });
  }

  function near(rows) {
    $("near").hidden = !rows.length;
    $("neighbours").replaceChildren(
      ...rows.map((each) => {
        const text = made("div", { className: "text", dir: "auto" });
        fill(text, each.text);
        return made("li", {}, made("span", { className: "by", textContent: each.words }), text);
      }),
    );
  }

  function mine(task) {
    if (!task.mine) return "";
    const word = { skipped: "You skipped it.", rejected: "You rejected it." }[task.mine.status];
    return word || `You answered ${String(task.mine.shown).slice(0, 80)}.`;
  }

  function showClasses(task) {
    $("as-class").hidden = false;
    $("filter").value = "";
    $("draft").textContent = [task.blind ? "The model's draft stays hidden: this row measures it." : "", mine(task)].join(" ");
    list("");
  }

  function list(typed) {
    const { task, board } = state;
    const few = board.classes.length <= HINTS.length;
    const word = typed.trim().toLowerCase();
    const first = few || word ? [] : suggested(task);
    const found = word ? matching(board.classes, word) : board.classes;
    const names = [...new Set([...first, ...found])];
    const hints = word ? [] : few ? HINTS : HINTS.slice(0, Math.min(first.length, 9));
    state.options = names.slice(0, MOST).map((name, at) => ({ name, value: name, hint: hints[at] || "" }));
    if (word && !board.classes.some((name) => name.toLowerCase() === word)) {
      state.options.push({ name: `new class: ${typed.trim()}`, value: typed.trim(), hint: "" });
    }
    const draft = task.draft && task.draft.label;
    const wanted = task.mine && task.mine.status === "answered" ? task.mine.value : draft;
    state.marked = word ? 0 : Math.max(state.options.findIndex((each) => each.value === wanted), wanted ? 0 : -1);
    $("more").textContent = names.length > MOST ? `${names.length - MOST} more: search with /` : "";
    $("classes").replaceChildren(...state.options.map((each, at) => option(each, at, task)));
    mark(state.marked);
  }

  function option(each, at, task) {
    const draft = task.draft && task.draft.label === each.value;
    const sure = draft && typeof task.draft.confidence === "number" ? ` ${Math.round(100 * task.draft.confidence)} %` : "";
    const node = made("li", { id: `option-${at}`, role: "option", className: each.value === (task.mine || {}).value ? "mine" : "" });
    node.append(...(each.hint ? [kbd(each.hint)] : []), made("span", { textContent: each.name }));
    if (draft) node.append(made("small", { textContent: `draft${sure}` }));
    node.addEventListener("click", () => give(each.value));
    return node;
  }

  function suggested(task) {
    const near = task.nearest.map((each) => each.label).filter(Boolean);
    const own = task.draft && task.draft.label ? [task.draft.label] : [];
    return [...new Set([...own, ...near, ...state.recent])].filter((name) => state.board.classes.includes(name)).slice(0, 9);
  }

  function matching(names, word) {
    const rank = (name) => {
      const lower = name.toLowerCase();
      if (lower.startsWith(word)) return 0;
      if (lower.split(/[^\p{L}\p{N}]+/u).some((part) => part.startsWith(word))) return 1;
      return lower.includes(word) ? 2 : within(lower, word) ? 3 : 4;
    };
    const ranked = names.map((name) => [rank(name), name]).filter(([at]) => at < 4);
    return ranked.sort((one, other) => one[0] - other[0]).map(([, name]) => name);
  }

  function within(name, word) {
    let at = 0;
    for (const letter of name) if (letter === word[at]) at += 1;
    return at === word.length;
  }

  function mark(at) {
    const nodes = [...$("classes").children];
    nodes.forEach((node, place) => node.setAttribute("aria-selected", String(place === at)));
    state.marked = at;
    if (nodes[at]) {
      $("filter").setAttribute("aria-activedescendant", nodes[at].id);
      nodes[at].scrollIntoView({ block: "nearest" });
    } else $("filter").removeAttribute("aria-activedescendant");
  }

  function showText(task) {
    const own = task.mine && task.mine.status === "answered" ? task.mine.value : null;
    $("draft").textContent = mine(task) || (task.draft ? "Enter takes the model's draft as it is, e edits it." : "No draft: e writes an answer.");
    editor("The answer, as it should be", own === null ? (task.draft || {}).answer || "" : own);
  }

  function editor(label, text, code = false) {
    $("as-text").hidden = false;
    $("edit-label").textContent = label;
    $("edit").value = state.edits.has(state.task.id) ? state.edits.get(state.task.id) : text;
    $("edit").className = code ? "code" : "";
    $("edit").scrollTop = 0;
  }

  function showPair(task) {
    $("draft").textContent = mine(task) || "Which is better? 1 or 2; x where neither will do.";
    choices(task.sides.map((side, at) => ({ hint: String(at + 1), value: side.index, text: side.text })), task);
  }

  function choices(sides, task) {
    $("as-choice").hidden = false;
    state.options = sides;
    const own = task.mine && task.mine.status === "answered" ? task.mine.value : null;
    $("as-choice").replaceChildren(
      ...sides.map((side) => {
        const text = made("span", { className: "text", dir: "auto" });
        fill(text, side.text);
        const node = made("button", { type: "button", className: side.value === own ? "mine" : "" }, kbd(side.hint), text);
        node.addEventListener("click", () => choose(side));
        return node;
      }),
    );
  }

  function showFinding(task) {
    $("draft").textContent = mine(task) || task.fate;
    $("as-choice").className = "stack";
    const words = { keep: "Keep: the finding is no fault", drop: "Drop the row", fix: "Fix the row: edit it below" };
    choices(Object.entries(words).map(([value, text], at) => ({ hint: String(at + 1), value, text })), task);
    const own = task.mine && task.mine.status === "answered" && task.mine.value !== "keep" && task.mine.value !== "drop";
    editor("The row as JSON", own ? task.mine.value : task.draft.row, true);
  }

  function choose(side) {
    if (side.value === "fix") return $("edit").focus();
    return give(side.value);
  }

  function save() {
    if (!state.task || $("as-text").hidden) return;
    if (!$("edit").value.trim()) say("An empty answer is not saved: x rejects the row.", true);
    else give($("edit").value);
  }

  // ---- keys --------------------------------------------------------------------------------------------

  const COMMANDS = {
    s: () => give(null, "skipped", "Skipped."),
    x: () => give(null, "rejected", "Rejected."),
    u: undo,
    j: () => move("next"),
    k: () => move("previous"),
    e: () => !$("as-text").hidden && $("edit").focus(),
    g: () => guide(),
    "/": () => !$("as-class").hidden && $("filter").focus(),
    "?": () => $("help").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]") || !state.board) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") return taken(event, save);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === $("edit")) return void (event.key === "Escape" && taken(event, () => $("row").focus()));
    if (event.target === $("filter") ? inFilter(event) : onRow(event)) event.preventDefault();
  });

  function taken(event, act) {
    event.preventDefault();
    act();
  }

  function arrows(key) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (!step || !state.options.length || $("as-class").hidden) return false;
    mark((state.marked + step + state.options.length) % state.options.length);
    return true;
  }

  function inFilter(event) {
    if (arrows(event.key)) return true;
    if (event.key === "Escape") {
      $("filter").value = "";
      list("");
      $("row").focus();
      return true;
    }
    if (event.key === "Enter" && state.options[state.marked]) give(state.options[state.marked].value);
    return event.key === "Enter";
  }

  function onRow(event) {
    const { key } = event;
    if (event.target.closest("button") && (key === "Enter" || key === " ")) return false;
    const walking = key === "j" || key === "k";
    if (event.repeat && !walking) return !arrows(key) ? COMMANDS[key] !== undefined : true;
    if (key in COMMANDS) {
      COMMANDS[key]();
      return true;
    }
    if (!state.task) return false;
    if (key === "Enter") return accept();
    const option = state.options.find((each) => each.hint === key);
    if (option && $("as-choice").hidden) give(option.value);
    else if (option) choose(option);
    return Boolean(option) || arrows(key);
  }

  function accept() {
    const { kind, draft } = state.task;
    if (kind === "class" && state.options[state.marked]) give(state.options[state.marked].value);
    else if (kind === "text" && draft) save();
    else say("Nothing is marked: choose with a key.");
    return true;
  }

  function guide() {
    if (!state.board.guideline) return say("No guideline was given: --guideline FILE shows one.");
    $("guide").hidden = !$("guide").hidden;
    return $("work").classList.toggle("guided", !$("guide").hidden);
  }

  // ---- beginning ---------------------------------------------------------------------------------------

  $("filter").addEventListener("input", () => list($("filter").value));
  $("save").addEventListener("click", save);
  $("edit").addEventListener("input", () => state.edits.set(state.task.id, $("edit").value));
  $("show-help").addEventListener("click", COMMANDS["?"]);
  $("close-help").addEventListener("click", () => $("help").close());
  $("commands").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && state.board) COMMANDS[button.dataset.key]();
  });
  $("expand").addEventListener("click", async () => {
    const { at } = state.task;
    try {
      const told = await ask("api/whole", { at });
      if (state.task && state.task.at === at) {
        fill($("text"), told.text);
        $("expand").hidden = true;
      }
    } catch (failure) {
      say(failure.message, true);
    }
  });
  $("keys").append(
    ...KEYS.map(([key, words]) => made("tr", {}, made("td", {}, kbd(key)), made("td", { textContent: words }))),
  );

  $("hello-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    state.by = $("name").value.trim();
    if (!state.by) return;
    try {
      const told = await ask("api/start", {});
      sessionStorage.setItem("toolkit-by", state.by);
      start(told);
    } catch (failure) {
      say(failure.message, true);
    }
  });

  function start(told) {
    $("hello").close();
    state.board = told.board;
    document.title = `Label ${told.board.name}`;
    $("title").textContent = told.board.name;
    $("who").textContent = state.by;
    fill($("guideline"), told.board.guideline);
    if (told.board.guideline) guide();
    show(told);
    say(told.progress.done ? `Welcome back: ${told.progress.done} rows have your answer.` : "");
  }

  // The address of a server that was started again may be opened in the same tab: edits at hand stay.
  function take() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (given.get("token")) sessionStorage.setItem("toolkit-token", given.get("token"));
    state.token = sessionStorage.getItem("toolkit-token") || "";
    history.replaceState(null, "", location.pathname);
    return given.get("by") || "";
  }

  window.addEventListener("hashchange", () => location.hash && (take(), say("Connected again.")));
  window.addEventListener("beforeunload", (event) => state.edits.size && event.preventDefault());
  const proposed = take();
  $("name").value = sessionStorage.getItem("toolkit-by") || proposed;
  $("hello").addEventListener("cancel", (event) => event.preventDefault());
  $("hello").showModal();
  $("name").select();
})();
