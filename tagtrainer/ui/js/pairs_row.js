// One row: control images in their order, the target, the instruction, and what deserves a look.
// makeRow(view, row, {targetSrc, controlSrc, compare(row, n), change(path, json, words), upload(file), waiting(), onSaved()})
function makeRow(view, first, options) {
  const texts = view.texts, flagWords = JSON.parse(view.pick('pairs-frame').dataset.flags);
  let row = first, known = first.caption, saving = Promise.resolve();
  const name = el('b', { class: 'vw-pairs-name' }), facts = el('span', { class: 'vw-note' }), flags = el('span', { class: 'vw-pairs-flags' });
  const strip = el('div', { class: 'vw-pairs-strip' }), picker = el('div', { class: 'vw-pairs-picker', hidden: true });
  const add = el('button', { class: 'vw-link vw-pairs-attach', text: texts.attach, on: { click: () => pick('') } });
  const look = el('button', { class: 'vw-link vw-pairs-swipe', text: texts.compare, on: { click: () => options.compare(row, 0) } });
  const target = el('figure', { class: 'vw-pairs-picture is-target' });
  const box = el('textarea', { class: 'vw-pairs-caption', rows: 4, spellcheck: true, placeholder: texts.no_caption });
  const status = el('span', { class: 'vw-note vw-pairs-status', role: 'status' }), conflict = el('div', { class: 'vw-pairs-conflict', hidden: true });
  const root = el('article', { class: 'vw-pairs-row' },
    el('header', {}, name, facts, flags, el('span', { class: 'vw-grow' }), look, add), picker,
    el('div', { class: 'vw-pairs-body' }, strip, el('span', { class: 'vw-pairs-arrow', 'aria-hidden': 'true', text: '→' }), target,
      el('div', { class: 'vw-pairs-words' }, box, status, conflict)));
  root.dataset.id = row.id;

  let drawn = '';
  function draw(next) {
    row = next;
    if (!dirty() && document.activeElement !== box) { known = box.value = row.caption; }
    const { caption, rev, entry, replaced, ...seen } = row, now = JSON.stringify([seen, options.single()]);
    if (now === drawn) return;
    drawn = now;
    name.textContent = name.title = row.name;
    facts.textContent = `${row.width} × ${row.height}`;
    box.setAttribute('aria-label', fillText(texts.caption_of, { name: row.name }));
    flags.replaceChildren(...row.flags.map((flag) => el('span', { class: 'vw-pairs-flag', text: flagWords[flag] || flag })));
    look.hidden = !row.controls.some((control) => !control.missing);
    add.hidden = options.single() && row.controls.length > 0;
    target.replaceChildren(el('button', { class: 'vw-pairs-shot', title: texts.compare, on: { click: () => options.compare(row, 0) } },
      el('img', { src: options.targetSrc(row, 'preview'), alt: row.name, loading: 'lazy', decoding: 'async', draggable: false })),
    el('figcaption', {}, el('span', { text: texts.target })));
    strip.replaceChildren(...row.controls.map(figure));
    if (!row.controls.length) strip.append(el('button', { class: 'vw-pairs-none', text: texts.none_yet, on: { click: () => pick('') } }));
  }

  function figure(control, index) {
    const tool = (words, mark, act, off = false) => el('button', { class: 'vw-pairs-tool', text: mark, title: words, disabled: off,
      'aria-label': `${words}: ${control.name}`, on: { click: (event) => act(event.currentTarget) } });
    const move = (by) => (button) => {
      const order = row.controls.map((each) => each.file);
      [order[index], order[index + by]] = [order[index + by], order[index]];
      return change(button, 'reorder', { order });
    };
    const picture = control.missing ? el('span', { class: 'vw-pairs-gone', text: texts.missing })
      : el('img', { src: options.controlSrc(row, control, 'preview'), alt: control.name, loading: 'lazy', decoding: 'async', draggable: false });
    const same = control.width === row.width && control.height === row.height;
    const last = row.controls.length - 1;
    return el('figure', { class: 'vw-pairs-picture' },
      el('button', { class: 'vw-pairs-shot', title: texts.compare, disabled: control.missing, on: { click: () => options.compare(row, index) } }, picture),
      el('div', { class: 'vw-pairs-tools' },
        last ? tool(texts.earlier, '‹', move(-1), index === 0) : null, last ? tool(texts.later, '›', move(1), index === last) : null,
        tool(texts.replace, '⇄', () => pick(control.file)),
        tool(texts.detach, '×', (button) => change(button, 'detach', { file: control.file }, fillText(texts.detached, { name: control.name })))),
      el('figcaption', { title: control.name }, el('span', { text: options.single() ? texts.control : fillText(texts.control_n, { n: index + 1 }) }),
        same ? null : el('small', { text: `${control.width} × ${control.height}` })));
  }

  async function change(button, path, json, words = '') {
    const next = await view.run(button, () => options.change(path, { item: row.id, ...json }, words));
    if (next) draw(next);
    return next;
  }

  // Where a picture may come from: the waiting list (its likely ones first) or a file.
  function pick(replace) {
    const shown = !picker.hidden && picker.dataset.replace === replace;
    picker.hidden = shown;
    if (shown) return;
    picker.dataset.replace = replace;
    const ranked = [...options.waiting()].sort((a, b) => (b.target === row.id) - (a.target === row.id)).slice(0, 24);
    const give = (button, json) => change(button, 'attach', { ...json, replace }).then((done) => { if (done) { picker.hidden = true; options.onWaiting(); } });
    const file = el('input', { type: 'file', accept: 'image/*', hidden: true, class: 'vw-pairs-file' });
    const choose = el('button', { class: 'vw-button', text: texts.choose_file, on: { click: () => file.click() } });
    file.addEventListener('change', async () => {
      if (!file.files.length) return;
      const upload = await view.run(choose, () => options.upload(file.files[0]));
      if (upload) await give(choose, { upload });
    });
    picker.replaceChildren(el('div', { class: 'vw-row' }, el('span', { class: 'vw-note', text: replace ? texts.replace_by : texts.attach_how }), choose, file,
      el('span', { class: 'vw-grow' }), el('button', { class: 'vw-link', text: texts.close, on: { click: () => { picker.hidden = true; } } })),
    el('div', { class: 'vw-pairs-hits' }, ...ranked.map((entry) => el('button', { class: 'vw-pairs-hit', title: entry.label,
      on: { click: (event) => give(event.currentTarget, { waiting: entry.id }) } },
    el('img', { src: options.waitingSrc(entry), alt: '', loading: 'lazy' }), el('span', { text: entry.name })))));
  }

  const dirty = () => box.value !== known;
  function say(text, bad = false) { status.textContent = text; status.classList.toggle('is-bad', bad); }

  // Saved on leaving; another text on disk is shown, both are kept.
  function save() {
    if (!dirty()) return saving;
    const text = box.value, expected = known;
    known = text;
    say(texts.saving);
    saving = saving.then(() => tagtrainer.fetchJson(options.captionPath(row), { json: { text, expected } })).then((done) => {
      if (box.value === text) known = box.value = done.caption;
      row = { ...row, caption: done.caption };
      conflict.hidden = true;
      say(texts.saved);
      return options.onSaved();
    }).catch((error) => { known = expected; say(error.message, true); if (error.key === 'datasets.caption_changed') clash(); });
    return saving;
  }
  async function clash() {
    const theirs = await tagtrainer.fetchJson(options.rowPath(row)).then((full) => full.caption, () => null);
    if (theirs === null) return;
    conflict.hidden = false;
    conflict.replaceChildren(el('b', { text: texts.theirs }), el('p', { text: theirs || texts.empty_caption }),
      el('button', { class: 'vw-link vw-pairs-theirs', text: texts.take_theirs, on: { click: () => { known = box.value = theirs; conflict.hidden = true; say(''); } } }), ' ',
      el('button', { class: 'vw-link vw-pairs-mine', text: texts.keep_mine, on: { click: () => { known = theirs; save(); } } }));
  }
  box.addEventListener('blur', () => { if (conflict.hidden) save(); });
  box.addEventListener('input', () => say(dirty() ? texts.unsaved : ''));
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); options.nextCaption(root); }
    else if (event.key === 'Escape') box.blur();
  });

  const carries = (event) => [...event.dataTransfer.types].some((type) => type === 'application/x-tagtrainer-waiting' || type === 'Files');
  root.addEventListener('dragover', (event) => { if (carries(event)) { event.preventDefault(); root.classList.add('is-over'); } });
  root.addEventListener('dragleave', (event) => { if (!root.contains(event.relatedTarget)) root.classList.remove('is-over'); });
  root.addEventListener('drop', async (event) => {
    root.classList.remove('is-over');
    const waiting = event.dataTransfer.getData('application/x-tagtrainer-waiting'), files = [...event.dataTransfer.files];
    if (!waiting && !files.length) return;
    event.preventDefault();
    if (waiting && await change(null, 'attach', { waiting })) options.onWaiting();
    for (const file of files) {
      const upload = await view.run(null, () => options.upload(file));
      if (!upload || !await change(null, 'attach', { upload })) return;
    }
  });
  known = box.value = row.caption;
  draw(row);
  return { root, draw, save, get row() { return row; }, get dirty() { return dirty(); }, last() {
    if (!dirty()) return;
    fetch(tagtrainer.url(options.captionPath(row)), { method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: box.value, expected: known }) });
  } };
}
