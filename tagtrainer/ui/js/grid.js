// A virtual grid: only the tiles in sight exist, data comes page by page, text is only ever set as textContent.
// makeGrid(box, {fetchPage(offset, limit), src(item), texts, onOpen(index, item), onSelect(count), onStale(), onKey(name), stable(),
// covered() -> pixels at the lower end that something lies over})
function makeGrid(box, options) {
  const PAGE = 200, KEPT = 30, GAP = 11, LEAST = 138, FOOT = 50, OVER = 1;
  const spacer = document.createElement('div'), layer = document.createElement('div');
  spacer.className = 'gl-spacer';
  layer.className = 'gl-layer';
  box.replaceChildren(spacer, layer);
  let total = 0, rev = null, cols = 1, tile = LEAST, current = 0, anchor = 0, generation = 0, frame = 0, timer = 0, painted = 0;
  const rows = new Map(), nodes = new Map(), asked = new Set(), selected = makeRanges();
  const rowHeight = () => tile + FOOT + GAP;

  function layout() {
    const width = box.clientWidth;
    if (!width) return;
    const first = Math.floor(box.scrollTop / rowHeight()) * cols;
    cols = Math.max(1, Math.floor((width - GAP) / (LEAST + GAP)));
    tile = Math.floor((width - GAP * (cols + 1)) / cols);
    spacer.style.height = Math.ceil(total / cols) * rowHeight() + GAP + 'px';
    for (const [index, node] of nodes) place(node, index);
    box.scrollTop = Math.floor(first / cols) * rowHeight();
    paint();
  }

  function place(node, index) {
    const row = Math.floor(index / cols), col = index % cols;
    node.style.width = tile + 'px';
    node.style.height = tile + FOOT + 'px';
    node.firstChild.style.height = tile + 'px';
    node.style.transform = `translate(${GAP + col * (tile + GAP)}px,${GAP + row * rowHeight()}px)`;
  }

  function make(index) {
    const node = document.createElement('div'), frame = document.createElement('div'), picture = document.createElement('img');
    const mark = document.createElement('span'), name = document.createElement('b'), facts = document.createElement('small');
    node.className = 'gl-tile';
    node.dataset.index = index;
    node.id = `gl-tile-${index}`;
    node.setAttribute('role', 'option');
    picture.decoding = 'async';
    picture.draggable = false;
    picture.alt = '';
    frame.append(picture, mark, icon('flag'), icon('crop'));
    node.append(frame, name, facts);
    place(node, index);
    fill(node, index);
    return node;
  }

  function icon(name) {
    const made = document.createElement('i');
    made.className = 'gl-is-' + name;
    made.title = options.texts['is_' + name];
    return made;
  }

  function fill(node, index) {
    const item = rows.get(index);
    node.classList.toggle('is-selected', selected.has(index));
    node.classList.toggle('is-current', index === current);
    node.setAttribute('aria-selected', selected.has(index));
    if (!item) return;
    const [frame, name, facts] = node.children, [picture, mark] = frame.children;
    const source = options.src(item);
    if (picture.getAttribute('src') !== source) picture.src = source;
    if (name.textContent !== item.name) name.textContent = name.title = item.name;
    if (item.media === 'video') node.dataset.clip = clipLength(item.duration); else delete node.dataset.clip;
    facts.textContent = `${item.width} × ${item.height} · ${size(item.bytes)}` + (item.repeats > 1 ? ` · ×${item.repeats}` : '');
    mark.textContent = item.captioned ? '' : options.texts.no_caption;
    node.classList.toggle('is-flagged', item.flagged);
    node.classList.toggle('is-cropped', !!item.crop);
    const told = [!item.captioned && 'no_caption', item.flagged && 'is_flag', item.crop && 'is_crop'].filter(Boolean);
    node.setAttribute('aria-label', [item.name, ...told.map((key) => options.texts[key])].join(', '));
  }

  function paint() {
    frame = 0;
    if (!box.clientWidth) return;
    const first = Math.max(0, Math.floor(box.scrollTop / rowHeight()) - OVER) * cols;
    const last = Math.min(total, (Math.ceil((box.scrollTop + box.clientHeight) / rowHeight()) + OVER) * cols);
    for (const [index, node] of nodes) {
      if (index < first || index >= last) {
        node.firstChild.firstChild.removeAttribute('src'); // stops a picture that is still on its way
        node.remove();
        nodes.delete(index);
      }
    }
    const fresh = document.createDocumentFragment();
    for (let index = first; index < last; index++) {
      if (!nodes.has(index)) { const node = make(index); nodes.set(index, node); fresh.append(node); }
    }
    layer.append(fresh);
    clearTimeout(timer); // a jump asks at once, scrolling when it slows down
    timer = setTimeout(() => { for (let k = Math.floor(first / PAGE); k * PAGE < last; k++) ask(k); }, performance.now() - painted > 150 ? 0 : 30);
    painted = performance.now();
  }

  async function ask(k) {
    if (asked.has(k) || k * PAGE >= total) return;
    asked.add(k);
    const mine = generation;
    try {
      const page = await options.fetchPage(k * PAGE, PAGE);
      if (mine !== generation) return;
      if (page.rev !== rev || page.total !== total) { asked.delete(k); options.onStale(); return; }
      take(k, page.items);
      forget(k);
    } catch (error) {
      if (mine === generation) asked.delete(k);
    }
  }

  function take(k, items) {
    items.forEach((item, i) => {
      const index = k * PAGE + i;
      rows.set(index, item);
      const node = nodes.get(index);
      if (node) fill(node, index);
      if (index === current && options.onArrive) options.onArrive(index, item);
    });
  }

  // Rows far from here are let go: the memory of the page stays the same however far one scrolls.
  function forget(k) {
    const far = [...asked].sort((a, b) => Math.abs(b - k) - Math.abs(a - k)).slice(0, Math.max(0, asked.size - KEPT));
    for (const page of far) {
      asked.delete(page);
      for (let index = page * PAGE; index < (page + 1) * PAGE; index++) rows.delete(index);
    }
  }

  function remark() {
    for (const [index, node] of nodes) fill(node, index);
    box.setAttribute('aria-activedescendant', `gl-tile-${current}`);
    options.onSelect(selected.count);
  }

  function reveal(index) {
    const top = Math.floor(index / cols) * rowHeight(), free = Math.max(rowHeight(), box.clientHeight - options.covered());
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + rowHeight() + GAP > box.scrollTop + free) box.scrollTop = top + rowHeight() + GAP - free;
    paint();
  }

  function go(index, { shift = false } = {}) {
    if (!total) return;
    current = Math.max(0, Math.min(total - 1, index));
    if (shift) selected.add(anchor, current); else anchor = current;
    remark();
    reveal(current); // after the bar of the selection is there, which lies over the last row
    options.onOpen(current, rows.get(current));
  }

  layer.addEventListener('mousedown', (event) => {
    const node = event.target.closest('.gl-tile');
    if (!node || event.button !== 0) return;
    event.preventDefault();
    box.focus({ preventScroll: true });
    const index = +node.dataset.index;
    if (event.ctrlKey || event.metaKey) {
      selected.toggle(index);
      anchor = current = index;
      remark();
      options.onOpen(index, rows.get(index));
    } else {
      if (!event.shiftKey) selected.clear();
      go(index, { shift: event.shiftKey });
    }
  });

  const KEYS = { j: 'uncaptioned', J: 'uncaptioned', f: 'flag', F: 'flag', '?': 'help', '/': 'search' };
  function all() { if (total) selected.add(0, total - 1); remark(); }

  box.addEventListener('keydown', (event) => {
    const per = Math.max(1, Math.floor(box.clientHeight / rowHeight())) * cols;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -cols, ArrowDown: cols, PageDown: per, PageUp: -per };
    let done = true;
    if (event.key in moves) go(current + moves[event.key], { shift: event.shiftKey });
    else if (event.key === 'Home') go(0, { shift: event.shiftKey });
    else if (event.key === 'End') go(total - 1, { shift: event.shiftKey });
    else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) all();
    else if (event.key === ' ') { if (total) selected.toggle(current); anchor = current; remark(); }
    else if (event.key === 'Escape') { selected.clear(); remark(); }
    else if (event.key === 'Enter' || event.key === 'F2') options.onKey('edit');
    else if (event.key === 'Delete' || event.key === 'Backspace') options.onKey('delete');
    else if (event.key in KEYS && !event.ctrlKey && !event.metaKey && !event.altKey) options.onKey(KEYS[event.key]);
    else done = false;
    if (done) event.preventDefault();
  });

  box.addEventListener('scroll', () => { if (!frame) frame = requestAnimationFrame(paint); });
  new ResizeObserver(() => { if (box.clientWidth) layout(); }).observe(box);

  return {
    // A new list: `first` is its first page. `keep` stays where we were, as far as the list allows.
    show(first, keep) {
      generation++;
      const whole = total > 0 && selected.count === total;
      const same = keep && first.total === total && (first.rev === rev || whole || options.stable());
      total = first.total;
      rev = first.rev;
      rows.clear();
      asked.clear();
      if (!same) selected.clear();
      asked.add(0);
      if (!keep) {
        for (const node of nodes.values()) node.remove();
        nodes.clear();
      }
      current = keep ? Math.max(0, Math.min(current, total - 1)) : 0;
      anchor = current;
      if (!keep) box.scrollTop = 0;
      take(0, first.items);
      layout();
      remark();
    },
    go, reveal,
    clear() { selected.clear(); remark(); },
    focus() { box.focus({ preventScroll: true }); },
    accept(newRev) { rev = newRev; },
    change(id, changes) {
      for (const [index, item] of rows) {
        if (item.id === id) { Object.assign(item, changes); if (nodes.has(index)) fill(nodes.get(index), index); }
      }
    },
    find(id) { for (const [index, item] of rows) if (item.id === id) return index; return -1; },
    get current() { return current; },
    get total() { return total; },
    get rev() { return rev; },
    item(index) { return rows.get(index); },
    all,
    mark(index) { selected.add(index, index); remark(); },
    // Whether `test` holds for one of the selected pictures in memory.
    some(test) { for (const [index, item] of rows) if (selected.has(index) && test(item)) return true; return false; },
    get count() { return selected.count; },
    // What is selected: ids while all of them are known here, all of it, or places in the list of this revision.
    selection() {
      const ranges = selected.list, count = selected.count;
      if (count && count === total && total > 1) return { all: true, total };
      const items = [];
      for (const [first, last] of count <= PAGE ? ranges : []) {
        for (let index = first; index <= last; index++) if (rows.has(index)) items.push(rows.get(index).id);
      }
      return count && items.length === count ? { items } : { ranges, rev };
    },
  };
}
