// The datasets page below its picker: filter, grid, viewer, adding. props.value = {dataset, rev}.
const root = element.querySelector('.gl'), pick = (name) => root.querySelector('.gl-' + name);
const texts = JSON.parse(root.dataset.texts), ofPictures = { ...texts };
const count = pick('count'), every = pick('all');
const empty = pick('empty'), body = pick('body'), add = pick('add'), toggle = pick('toggle'), trash = pick('trash');
let dataset = '', rev = 0, load = 0, checked = null, stale = 0, filter = '';
const here = (path) => `datasets/${encodeURIComponent(dataset)}/${path}`;
const address = (kind, item) => tagtrainer.url(here(`${kind}/${encodeURIComponent(item.id)}?v=${item.v}`));
const query = (more) => new URLSearchParams({ ...looking.look(), ...more }).toString();

const looking = makeLooking(root, { texts, onChange: (what) => reload({ follow: what === 'sort' }) });

const grid = makeGrid(pick('grid'), {
  texts,
  src: (item) => address('preview', item),
  fetchPage: (offset, limit) => tagtrainer.fetchJson(here('items?' + query({ offset, limit }))),
  onOpen: open,
  onArrive: open,
  onSelect: selected,
  onStale: () => { clearTimeout(stale); stale = setTimeout(() => reload({ keep: true }), 400); },
  onKey: (name) => keys[name](),
  stable: () => looking.stable,
  covered: () => pick('float').offsetHeight && pick('float').offsetHeight + 14,
});

const viewer = makeViewer(pick('view'), {
  texts,
  src: (item) => address('medium', item),
  clip: (kind, item) => tagtrainer.url(`video/${encodeURIComponent(dataset)}/${kind}/${encodeURIComponent(item.id)}?v=${item.v}`),
  clipFacts: (item) => tagtrainer.fetchJson(`video/${encodeURIComponent(dataset)}/facts/${encodeURIComponent(item.id)}`),
  partners: (item) => tagtrainer.fetchJson(`pairs/${encodeURIComponent(dataset)}/row/${encodeURIComponent(item.id)}`),
  partner: (item, control, kind) => tagtrainer.url(
    `pairs/${encodeURIComponent(dataset)}/control/${kind}/${encodeURIComponent(item.id)}/${encodeURIComponent(control.file)}`),
  load: (item) => tagtrainer.fetchJson(here('item/' + encodeURIComponent(item.id))),
  save: (item, text, expected) => tagtrainer.fetchJson(here('caption/' + encodeURIComponent(item.id)), { json: { text, expected } }),
  last: (item, text, expected) => fetch(tagtrainer.url(here('caption/' + encodeURIComponent(item.id))), {
    method: 'POST', keepalive: true, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ text, expected }) }),
  onSaved: (item, caption, newRev) => {
    grid.change(item.id, { captioned: caption.trim() !== '' });
    if (newRev !== null && looking.stable) { grid.accept(newRev); checked = newRev; } // same list, only newer
    tally();
  },
  onReturn: (item) => { const index = grid.find(item.id); if (index >= 0) grid.go(index); },
  onMove: (step) => grid.go(grid.current + step),
  onLeave: () => grid.focus(),
});

const actions = makeActions(root, { texts, grid, here, dataset: () => dataset, look: looking.look, reload: () => reload({ keep: true }) });
const help = makeHelp(pick('help'));
pick('keys').addEventListener('click', () => help.open());
const keys = {
  edit: () => viewer.focus(),
  delete: () => { if (!grid.count && grid.total) grid.mark(grid.current); actions.askDelete(); },
  flag: () => actions.flag(grid.item(grid.current)),
  help: () => help.open(),
  search: () => looking.focus(),
  uncaptioned,
};

async function uncaptioned() {
  await viewer.save();
  try {
    const found = await tagtrainer.fetchJson(here('next?' + query({ after: grid.current })));
    if (found.index < 0) actions.say(texts.all_captioned, null); else grid.go(found.index);
  } catch (error) { actions.say(error.message, null); }
}

const intake = makeIntake(root, {
  texts,
  dataset: () => dataset,
  onChange: (last) => (last ? reload({ keep: true }) : poll()),
  onToggle: (on) => showAdd(on || grid.total === 0 && !looking.filtered),
});

function open(index, item) {
  if (!item) return; // it is on its way; onArrive opens it
  viewer.open(item, fillText(texts.place, { n: index + 1, total: grid.total }));
  for (const next of [grid.item(index + 1), grid.item(index - 1)]) if (next) new Image().src = address('medium', next);
}

// `keep`: the same list, perhaps changed. `follow`: another order; the picture in the viewer stays the current one.
async function reload({ keep = false, follow = false } = {}) {
  const mine = ++load, held = viewer.id;
  if (!dataset) return;
  try {
    const first = await tagtrainer.fetchJson(here('items?' + query({ offset: 0, limit: 200 })));
    const at = follow && held ? (await tagtrainer.fetchJson(here(`place/${encodeURIComponent(held)}?` + query()))).index : -1;
    if (mine !== load) return;
    checked = first.rev;
    filter = first.filter;
    grid.show(first, keep);
    const found = at >= 0 ? at : keep && held ? grid.find(held) : -1;
    if (!first.total) viewer.save().then(() => { if (!grid.total) viewer.empty(); });
    else if (found >= 0) { grid.go(found); viewer.refresh(grid.item(found)); }
    else if (!viewer.dirty && grid.item(grid.current)) open(grid.current, grid.item(grid.current));
    state();
    await tally();
  } catch (error) {
    if (mine !== load) return;
    blank();
    count.textContent = error.message;
  }
}

function blank() {
  grid.show({ total: 0, rev: null, items: [] });
  if (!viewer.dirty) viewer.empty();
  empty.hidden = every.hidden = true;
}

function state() {
  const none = grid.total === 0, filtered = looking.filtered;
  empty.hidden = !none;
  empty.textContent = filtered ? texts.nothing_found : '';
  every.hidden = none || !filtered;
  every.textContent = fillText(texts.select_all, { n: grid.total });
  add.querySelector('strong').hidden = !none || filtered;
  body.classList.toggle('is-empty', none);
  body.classList.toggle('is-bare', none && !filtered);
  if (none && !filtered) showAdd(true);
}

async function tally() {
  const known = await tagtrainer.fetchJson(here('stats')).catch(() => null);
  if (!known) return;
  if (looking.stable) checked = known.rev;
  count.textContent = fillText(texts.count, { n: known.count, captioned: known.captioned, size: size(known.bytes) })
    + (looking.filtered ? ' · ' + fillText(texts.shown, { n: grid.total }) : '');
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
  actions.selected(n, grid.total);
  clearTimeout(selected.timer);
  const chosen = grid.selection(), of = dataset;
  selected.timer = setTimeout(() => noteSelection(of, chosen, n, filter, (path) => tagtrainer.fetchJson(
    `datasets/${encodeURIComponent(of)}/${path}`, { json: { ...looking.look(), ...chosen } })), 150);
}

trash.addEventListener('click', () => actions.busy || actions.act(async () => {
  const { count: n } = await tagtrainer.fetchJson(here('restore'), { json: { items: [] } });
  return [fillText(texts.restored, { n }), null];
}));
every.addEventListener('click', () => { grid.all(); grid.focus(); });

function showAdd(on) {
  add.hidden = !on;
  toggle.setAttribute('aria-expanded', on);
}
toggle.addEventListener('click', () => showAdd(add.hidden));

// Another view may ask for a filter; it is taken when the gallery is seen next.
async function takeLook() {
  const key = 'tagtrainer.look.' + dataset, wanted = dataset && root.clientWidth ? sessionStorage.getItem(key) : null;
  if (wanted === null) return false;
  sessionStorage.removeItem(key);
  const rules = await tagtrainer.fetchJson(here('look?' + new URLSearchParams({ expr: wanted }))).catch(() => ({ text: wanted }));
  looking.set(rules);
  await reload();
  return true;
}
let seen = 0;
new ResizeObserver(() => { if (root.clientWidth && !seen) { takeLook(); poll(); } seen = root.clientWidth; }).observe(root);

// The grid ends where the window does, whatever stands above it: tabs on two lines, a report, chips.
function fitHeight() {
  if (root.clientWidth) body.style.setProperty('--gl-top', `${Math.round(body.getBoundingClientRect().top + document.documentElement.scrollTop)}px`);
}
new ResizeObserver(fitHeight).observe(document.body);
new ResizeObserver(fitHeight).observe(root);

// A dataset of clips speaks of clips.
function speak(kind) {
  Object.assign(texts, ofPictures);
  if (kind === 'video') for (const name in texts) if ('clips.' + name in texts) texts[name] = texts['clips.' + name];
  toggle.textContent = texts.add;
  add.querySelector('strong').textContent = texts.no_pictures;
  add.querySelector('p').textContent = texts.add_how;
}

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
    speak(value.kind);
    actions.hide();
    looking.reset();
    pick('path').value = '';
    blank();
    count.textContent = '';
    showAdd(false);
    intake.attach(dataset);
  }
  start(other);
}

// What is known is shown at once; then changes made outside the app are looked for.
async function start(other) {
  const of = dataset;
  if (!await takeLook()) await reload({ keep: !other });
  const found = await tagtrainer.fetchJson(here('sync'), { json: {} }).catch(() => null);
  if (found && found.changed && of === dataset) reload({ keep: true });
}
watch('value', apply);
apply();
