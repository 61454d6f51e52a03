// What both halves of the Clean view use: number words, the large picture, loading on when the end comes into sight.
const counted = (n) => Number(n).toLocaleString(document.documentElement.lang || undefined);
const lookedAt = (texts, { pending, older, all }) => fillText(!pending ? texts.all_known : older ? texts.older : texts.pending,
  { n: counted(pending || all), all: counted(all), older: counted(older) });
const later = (act, ms) => { let timer = 0; return (...values) => { clearTimeout(timer); timer = setTimeout(() => act(...values), ms); }; };

function onEnd(mark, act) {
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) act(); }, { rootMargin: '600px' }).observe(mark);
}

// A picture as a button that is on or off, its name and facts below, and a corner that shows it large.
function pictureTile(view, row, { facts, on, toggle, mark }) {
  const badge = el('span', { class: 'vw-clean-badge' }), lines = facts.map((text) => el('small', { text, title: text }));
  const face = el('button', { class: 'vw-clean-face', on: { click: () => draw(toggle()) } }, thumb(view.dataset, row), badge);
  const look = el('button', { class: 'vw-clean-look', text: '⤢', title: view.texts.large, 'aria-label': view.texts.large,
    on: { click: () => showLarge(view, row, facts) } });
  const tile = el('figure', { class: 'vw-tile vw-clean-tile' }, face, look, el('b', { text: row.name, title: row.name }), lines);
  function draw(state) {
    tile.classList.toggle('is-on', state);
    face.setAttribute('aria-pressed', String(state));
    face.setAttribute('aria-label', `${row.name}: ${mark(state)}`);
    badge.textContent = mark(state);
  }
  draw(on);
  tile.draw = draw;
  return tile;
}

function showLarge(view, row, facts) {
  const dialog = view.pick('clean-large'), picture = dialog.querySelector('img');
  picture.src = thumb(view.dataset, row, 'medium').src;
  picture.alt = row.name;
  dialog.querySelector('p').textContent = [row.name, ...facts].join(' · ');
  dialog.showModal();
}
