// The picture to try a captioner on: one of the dataset's, with its caption now. props.value.item names it for Python.
const { texts } = props, part = (name) => element.querySelector('.cp-' + name);
const root = part('picture'), image = root.querySelector('img'), name = root.querySelector('b'), place = root.querySelector('.cp-bar span');
const search = part('search'), caption = part('caption'), random = part('random');
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => values[key] ?? all);
let dataset = '', item = null, index = 0, total = 0, load = 0, timer = 0;
random.textContent = texts.random;
search.placeholder = texts.search;
search.setAttribute('aria-label', texts.search);
part('previous').setAttribute('aria-label', texts.previous);
part('next').setAttribute('aria-label', texts.next);
const here = (path) => `datasets/${encodeURIComponent(dataset)}/${path}`;

async function go(wanted) {
  const mine = ++load;
  if (!dataset) return;
  try {
    const query = new URLSearchParams({ text: search.value.trim(), offset: Math.max(0, wanted), limit: 1 });
    const found = await tagtrainer.fetchJson(here('items?' + query));
    if (mine !== load) return;
    total = found.total;
    if (total && !found.items.length) return go(0);
    index = Math.max(0, wanted);
    await open(found.items[0] ?? null, mine);
  } catch (error) { if (mine === load) { place.textContent = error.message; name.textContent = ''; } }
}

async function open(chosen, mine = ++load) {
  item = chosen;
  root.hidden = !item && !search.value;
  name.textContent = item ? item.name : '';
  place.textContent = item ? fill(texts.place, { n: index + 1, total }) : texts.nothing_found;
  image.hidden = !item;
  caption.textContent = '';
  props.value = { ...props.value, dataset, item: item ? item.id : '' };
  if (!item) return;
  image.alt = item.name;
  image.src = tagtrainer.url(here(`medium/${encodeURIComponent(item.id)}?v=${item.v}`));
  const full = await tagtrainer.fetchJson(here('item/' + encodeURIComponent(item.id)));
  if (mine === load) caption.textContent = full.caption ? fill(texts.now, { caption: full.caption }) : texts.no_caption;
}

function apply() {
  const wanted = props.value?.dataset || '';
  if (wanted === dataset && item) {
    if (!props.value.item) props.value = { ...props.value, item: item.id };
    refresh();
    return;
  }
  [dataset, item] = [wanted, null];
  search.value = '';
  root.hidden = true;
  go(0);
}

async function refresh() {
  const mine = load, id = item.id;
  const full = await tagtrainer.fetchJson(here('item/' + encodeURIComponent(id))).catch(() => null);
  if (mine !== load || item?.id !== id) return;
  if (!full) go(0);
  else caption.textContent = full.caption ? fill(texts.now, { caption: full.caption }) : texts.no_caption;
}

let applied = '';
function changed() { // our own writing of `item` comes back here too
  const key = `${props.value?.dataset}|${props.value?.rev}`;
  if (key === applied) return;
  applied = key;
  apply();
}

part('previous').addEventListener('click', () => go((index - 1 + total) % Math.max(1, total)));
part('next').addEventListener('click', () => go((index + 1) % Math.max(1, total)));
random.addEventListener('click', () => go(Math.floor(Math.random() * Math.max(1, total))));
search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => go(0), 250); });
document.addEventListener('tagtrainer:captions', (event) => { if (event.detail === dataset && item) refresh(); });
watch('value', changed);
changed();
