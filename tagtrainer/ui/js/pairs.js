// The Pairs view: rows come in pages while scrolling, a filter by what deserves a look, the waiting list, more control images.
const PAGE = 50, MOST = 500;
const view = makeView(element, props, watch, { show, leave });
const texts = view.texts, list = view.pick('pairs-list'), empty = view.pick('pairs-empty'), note = view.pick('pairs-note');
const filters = view.pick('pairs-filters'), intake = view.pick('pairs-intake'), adding = view.pick('pairs-add');
const flagWords = JSON.parse(view.pick('pairs-frame').dataset.flags);
let rows = [], total = 0, flag = '', single = false, busy = null, load = 0, later = 0, numbers = null;

const part = (text) => encodeURIComponent(text);
const targetSrc = (row, kind = 'medium') => tagtrainer.url(`datasets/${part(view.dataset)}/${kind}/${part(row.id)}?v=${row.v}`);
const controlSrc = (row, control, kind = 'medium') => tagtrainer.url(`pairs/${part(view.dataset)}/control/${kind}/${part(row.id)}/${part(control.file)}`);
const waitingSrc = (entry) => tagtrainer.url(`pairs/${part(view.dataset)}/waiting/preview/${part(entry.id)}`);
const page = (offset, limit) => view.fetch('pairs/{dataset}/rows?' + new URLSearchParams({ flag, offset, limit }));

const compare = makeCompare(view, view.pick('pairs-compare'), { targetSrc, controlSrc, rowAt: neighbour });
const waiting = makeWaiting(view, view.pick('pairs-waiting'), { src: waitingSrc,
  pair: (item, entry) => change('attach', { item, waiting: entry.id }).then((next) => { redraw(next); return next; }),
  onCount: (n) => { if (numbers) { numbers.waiting = n; chips(); } } });
const job = makeJob(view, view.pick('pairs-job'), { path: 'pairs/{dataset}/import', onDone: imported });

// Every change answers with the row as it is now.
async function change(path, json, words = '') {
  const next = await view.fetch('pairs/{dataset}/' + path, { json });
  if (words || next.replaced) view.say(words || texts.replaced, { undo: next.entry });
  await view.accept();
  tally();
  return next;
}

const handlers = {
  targetSrc, controlSrc, waitingSrc, change, single: () => single, compare: (row, n) => compare.open(row, n),
  captionPath: (row) => `datasets/${part(view.dataset)}/caption/${part(row.id)}`,
  rowPath: (row) => `pairs/${part(view.dataset)}/row/${part(row.id)}`,
  waiting: () => waiting.entries, onWaiting: () => waiting.load(), onSaved: () => view.accept(),
  nextCaption: (root) => root.nextElementSibling?.querySelector('.vw-pairs-caption')?.focus(),
  async upload(file) {
    const id = 'p' + Date.now().toString(36) + Math.random().toString(36).slice(2, 10);
    await view.fetch(`imports/{dataset}/upload/${id}?name=${part(file.name)}`, { method: 'PUT', body: file });
    return id;
  },
};

function leave() {
  rows.forEach((made) => made.last());
  compare.close();
  rows = [];
  flag = '';
  numbers = null;
  list.replaceChildren();
  waiting.clear();
  showIntake(false);
}

async function show(_, __, { first }) {
  if (first) job.attach();
  await Promise.all([reload(), waiting.load()]);
}

async function reload() {
  const mine = ++load;
  busy = null;
  const wanted = Math.max(PAGE, rows.length), found = await page(0, Math.min(MOST, wanted));
  while (mine === load && found.rows.length < Math.min(wanted, found.total)) {
    const more = await page(found.rows.length, MOST);
    if (!more.rows.length) break;
    found.rows.push(...more.rows);
  }
  if (mine !== load) return;
  accept(found);
  const before = new Map(rows.map((made) => [made.row.id, made]));
  rows = found.rows.map((row) => {
    const old = before.get(row.id);
    if (old) old.draw(row);
    return old || makeRow(view, row, handlers);
  });
  const kept = new Set(rows);
  before.forEach((made) => { if (!kept.has(made)) { made.last(); made.root.remove(); } });
  rows.forEach((made, index) => { if (list.children[index] !== made.root) list.insertBefore(made.root, list.children[index] || null); });
  fill();
}

function accept(found) {
  total = found.total;
  single = found.single;
  numbers = found;
  chips();
  empty.hidden = total > 0;
  empty.textContent = flag ? texts.nothing_flagged : texts.no_items;
  note.textContent = found.pending ? fillText(texts.comparing, { n: found.pending }) : '';
  view.pick('pairs-as').hidden = single;
  clearTimeout(later);
  if (found.pending) later = setTimeout(() => view.visible && tally(), 400);
}

async function tally() {
  const mine = load, found = await page(0, 1).catch(() => null);
  if (found && mine === load) accept(found);
}

// The next page when the end of the list comes near.
async function fill() {
  if (busy || rows.length >= total || !near()) return;
  const mine = load;
  busy = page(rows.length, PAGE);
  try {
    const found = await busy;
    if (mine !== load) return;
    const known = new Set(rows.map((made) => made.row.id));
    const fresh = found.rows.filter((row) => !known.has(row.id)).map((row) => makeRow(view, row, handlers));
    rows.push(...fresh);
    list.append(...fresh.map((made) => made.root));
    if (!fresh.length) total = rows.length;
  } catch (error) {
    if (!error.stale) view.say(error.message, { bad: true });
    return;
  } finally { busy = null; }
  fill();
}
const near = () => view.pick('pairs-end').getBoundingClientRect().top < innerHeight * 2.5;
new IntersectionObserver(() => { if (view.dataset && rows.length) fill(); }, { rootMargin: '150% 0px' }).observe(view.pick('pairs-end'));

async function neighbour(row, by) {
  const at = rows.findIndex((made) => made.row.id === row.id), next = rows[at + by];
  if (at >= 0 && by > 0 && at + 2 > rows.length - 5) fill();
  if (next) next.root.scrollIntoView({ block: 'center' });
  return next && next.row;
}

function redraw(next) {
  const made = rows.find((each) => each.row.id === next.id);
  if (made) made.draw(next);
}

function chips() {
  const chip = (words, n, on, act) => el('button', { class: 'vw-button' + (on ? ' is-on' : ''), 'aria-pressed': String(on), on: { click: act } },
    el('span', { text: words }), el('small', { text: String(n) }));
  const by = (name) => () => { flag = name; rows.forEach((made) => made.save()); scrollTop(); view.run(null, reload); };
  const parts = [chip(texts.all, numbers.all, flag === '', by(''))];
  if (numbers.any || flag === 'any') parts.push(chip(texts.any, numbers.any, flag === 'any', by('any')));
  for (const [name, n] of Object.entries(numbers.counts)) {
    if (n || flag === name) parts.push(chip(flagWords[name] || name, n, flag === name, by(name)));
  }
  if (numbers.waiting || waiting.open) {
    const made = chip(texts.waiting, numbers.waiting, waiting.open, () => { waiting.toggle(!waiting.open); chips(); });
    made.classList.add('vw-pairs-wait');
    parts.push(made);
  }
  const held = filters.contains(document.activeElement) ? [...filters.children].indexOf(document.activeElement) : -1;
  filters.replaceChildren(...parts);
  if (held >= 0) filters.children[held]?.focus();
}
function scrollTop() { if (view.root.getBoundingClientRect().top < 0) view.root.scrollIntoView(); }

// The number that most likely comes next: one more than every row has already.
function showIntake(on) {
  if (on) view.pick('pairs-number').value = String(rows.length ? Math.min(9, 1 + Math.min(...rows.map((made) => made.row.controls.length))) : 1);
  intake.hidden = !on;
  adding.setAttribute('aria-expanded', String(on));
}
adding.addEventListener('click', () => showIntake(intake.hidden));

async function begin(button, wanted) {
  await view.run(button, async () => {
    await job.start({ control: single ? 1 : Number(view.pick('pairs-number').value), ...wanted });
    showIntake(false);
  });
}
for (const [name, folder] of [['files', false], ['folder', true]]) {
  const input = el('input', { type: 'file', multiple: true, hidden: true, class: 'vw-pairs-input-' + name });
  input.webkitdirectory = folder;
  const button = view.pick('pairs-' + name);
  button.after(input);
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => { const files = [...input.files]; input.value = ''; send(button, files); });
}
async function send(button, files) {
  if (!files.length) return;
  const id = 'c' + Date.now().toString(36) + Math.random().toString(36).slice(2, 10);
  const sent = await view.run(button, async () => {
    for (const [index, file] of files.entries()) {
      view.say(fillText(texts.uploading, { n: index + 1, total: files.length }));
      await view.fetch(`imports/{dataset}/upload/${id}?name=${part(file.webkitRelativePath || file.name)}`, { method: 'PUT', body: file });
    }
    view.say('');
    return true;
  });
  if (sent) await begin(button, { upload: id });
}
view.pick('pairs-go').addEventListener('click', async (event) => {
  const path = view.pick('pairs-path');
  if (!path.value.trim()) { path.focus(); return; }
  await begin(event.currentTarget, { path: path.value });
});

function imported(result) {
  if (!result) return;
  view.say(fillText(result.skipped ? texts.imported_but : texts.imported, result));
  if (result.skipped) waiting.toggle(true);
  view.refresh();
}
window.addEventListener('pagehide', () => rows.forEach((made) => made.last()));
