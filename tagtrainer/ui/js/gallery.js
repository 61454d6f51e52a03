// The datasets page below its picker: filter, grid, viewer, adding, deleting. props.value = {dataset, rev}.
const root = element.querySelector('.gl'), pick = (name) => root.querySelector('.gl-' + name);
const texts = JSON.parse(root.dataset.texts);
const search = pick('search'), only = pick('only'), count = pick('count'), bar = pick('selection'), undo = pick('undo');
const empty = pick('empty'), body = pick('body'), add = pick('add'), toggle = pick('toggle'), trash = pick('trash');
let dataset = '', rev = 0, load = 0, checked = null, stale = 0;
const here = (path) => `datasets/${encodeURIComponent(dataset)}/${path}`;
const address = (kind, item) => tagtrainer.url(here(`${kind}/${encodeURIComponent(item.id)}?v=${item.v}`));
const look = () => ({ text: search.value.trim(), no_caption: only.checked });
const query = (more) => new URLSearchParams({ ...look(), ...more }).toString();

const grid = makeGrid(pick('grid'), {
  texts,
  src: (item) => address('preview', item),
  fetchPage: (offset, limit) => tagtrainer.fetchJson(here('items?' + query({ offset, limit }))),
  onOpen: open,
  onArrive: open,
  onSelect: selected,
  onStale: () => { clearTimeout(stale); stale = setTimeout(() => reload({ keep: true }), 400); },
  onKey: (name) => (name === 'edit' ? viewer.focus() : askDelete()),
});

const viewer = makeViewer(pick('view'), {
  texts,
  src: (item) => address('medium', item),
  load: (item) => tagtrainer.fetchJson(here('item/' + encodeURIComponent(item.id))),
  save: (item, text, expected) => tagtrainer.fetchJson(here('caption/' + encodeURIComponent(item.id)), { json: { text, expected } }),
  last: (item, text, expected) => fetch(tagtrainer.url(here('caption/' + encodeURIComponent(item.id))), {
    method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text, expected }) }),
  onSaved: (item, caption, newRev) => {
    grid.change(item.id, { captioned: caption.trim() !== '' });
    if (newRev !== null && !search.value && !only.checked) { grid.accept(newRev); checked = newRev; } // same list, only newer
    tally();
  },
  onReturn: (item) => { const index = grid.find(item.id); if (index >= 0) grid.go(index); },
  onMove: (step) => grid.go(grid.current + step),
  onLeave: () => grid.focus(),
});

const intake = makeIntake(root, {
  texts,
  dataset: () => dataset,
  onChange: (last) => (last ? reload({ keep: true }) : poll()),
  onToggle: (on) => showAdd(on || grid.total === 0 && !filtered()),
});

const filtered = () => search.value.trim() !== '' || only.checked;

function open(index, item) {
  if (!item) return; // it is on its way; onArrive opens it
  viewer.open(item, fillText(texts.place, { n: index + 1, total: grid.total }));
  for (const next of [grid.item(index + 1), grid.item(index - 1)]) if (next) new Image().src = address('medium', next);
}

async function reload({ keep = false, sync = false } = {}) {
  const mine = ++load;
  if (!dataset) return;
  try {
    const first = await tagtrainer.fetchJson(here('items?' + query({ offset: 0, limit: 200, sync })));
    if (mine !== load) return;
    const held = viewer.id;
    checked = first.rev;
    grid.show(first, keep);
    const found = keep && held ? grid.find(held) : -1;
    if (!first.total) viewer.save().then(() => { if (!grid.total) viewer.empty(); });
    else if (found >= 0) { grid.go(found); viewer.refresh(); }
    else if (!viewer.dirty && grid.item(grid.current)) open(grid.current, grid.item(grid.current));
    state();
    tally();
  } catch (error) {
    if (mine !== load) return;
    blank();
    count.textContent = error.message;
  }
}

function blank() {
  grid.show({ total: 0, rev: null, items: [] });
  if (!viewer.dirty) viewer.empty();
  empty.hidden = true;
}

function state() {
  const none = grid.total === 0;
  empty.hidden = !none;
  empty.textContent = filtered() ? texts.nothing_found : '';
  add.querySelector('strong').hidden = !none || filtered();
  body.classList.toggle('is-empty', none);
  body.classList.toggle('is-bare', none && !filtered());
  if (none && !filtered()) showAdd(true);
}

async function tally() {
  const known = await tagtrainer.fetchJson(here('stats')).catch(() => null);
  if (!known) return;
  checked = known.rev;
  count.textContent = fillText(texts.count, { n: known.count, captioned: known.captioned, size: size(known.bytes) })
    + (filtered() ? ' · ' + fillText(texts.shown, { n: grid.total }) : '');
  trash.hidden = !known.trash;
  trash.textContent = fillText(texts.trash, { n: known.trash });
}

// Somebody else (an import, batch captioning, another browser tab) may have changed the list.
async function poll() {
  if (!dataset || !root.clientWidth || document.hidden) return;
  const known = await tagtrainer.fetchJson(here('rev')).catch(() => null);
  if (known && known.rev !== checked && !viewer.dirty) reload({ keep: true });
}
setInterval(poll, 4000);

function selected(n) {
  bar.hidden = n < 1;
  bar.classList.remove('is-asking');
  bar.querySelector('span').textContent = fillText(texts.selected, { n });
}

function askDelete() {
  if (!grid.selection().items?.length && !grid.selection().ranges?.length) return;
  bar.hidden = false;
  bar.classList.add('is-asking');
  pick('yes').focus();
}

pick('delete').addEventListener('click', askDelete);
pick('keep').addEventListener('click', () => { bar.classList.remove('is-asking'); grid.focus(); });
pick('clear').addEventListener('click', () => grid.clear());
pick('yes').addEventListener('click', async () => {
  try {
    const gone = await tagtrainer.fetchJson(here('delete'), { json: { ...look(), ...grid.selection() } });
    await reload({ keep: true });
    offer(fillText(texts.deleted, { n: gone.count }), gone.items);
    grid.focus();
  } catch (error) {
    offer(error.message, null);
    reload({ keep: true });
  }
});

// One line that says what happened, with Undo where there is something to undo.
function offer(text, items) {
  undo.hidden = false;
  undo.querySelector('span').textContent = text;
  const back = undo.querySelector('.gl-back');
  back.hidden = !items;
  back.onclick = () => restore(items);
  clearTimeout(offer.timer);
  if (!items) offer.timer = setTimeout(() => { undo.hidden = true; }, 8000);
}
undo.querySelector('.gl-close').addEventListener('click', () => { undo.hidden = true; });
trash.addEventListener('click', () => restore([]));

async function restore(items) {
  try {
    const { count: n } = await tagtrainer.fetchJson(here('restore'), { json: { items } });
    await reload({ keep: true });
    offer(fillText(texts.restored, { n }), null);
  } catch (error) { offer(error.message, null); }
}

function showAdd(on) {
  add.hidden = !on;
  toggle.setAttribute('aria-expanded', on);
}
toggle.addEventListener('click', () => showAdd(add.hidden));
let typing = 0;
search.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(() => reload(), 250); });
only.addEventListener('change', () => reload());

function apply() {
  const value = props.value || {};
  if (value.dataset === dataset && value.rev === rev) return;
  viewer.save();
  const other = value.dataset !== dataset;
  dataset = value.dataset || '';
  rev = value.rev;
  root.hidden = !dataset;
  if (!dataset) return;
  for (const store of [sessionStorage, localStorage]) store.setItem('tagtrainer.dataset', dataset);
  if (other) {
    undo.hidden = true;
    search.value = pick('path').value = '';
    only.checked = false;
    blank();
    count.textContent = '';
    showAdd(false);
    intake.attach(dataset);
  }
  reload({ keep: !other, sync: true });
}
watch('value', apply);
apply();
