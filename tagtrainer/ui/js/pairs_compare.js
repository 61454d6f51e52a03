// Target and control image on top of each other with a divider to drag; arrows move it, Page keys go to the next pair.
// makeCompare(view, dialog, {targetSrc(row), controlSrc(row, control), rowAt(step)})
function makeCompare(view, dialog, options) {
  const texts = view.texts, under = el('img', { draggable: false, alt: '' }), over = el('img', { draggable: false, alt: '' });
  const front = el('div', { class: 'vw-pairs-front' }, over), line = el('div', { class: 'vw-pairs-line', tabIndex: 0, role: 'slider' });
  const stage = el('div', { class: 'vw-pairs-stage' }, under, front, line,
    el('span', { class: 'vw-pairs-tag is-left' }), el('span', { class: 'vw-pairs-tag is-right', text: texts.target }));
  const title = el('b'), facts = el('span', { class: 'vw-note' }), choices = el('div', { class: 'vw-pairs-choices' });
  const button = (name, act) => el('button', { class: 'vw-button', text: texts[name], on: { click: act } });
  dialog.replaceChildren(
    el('div', { class: 'vw-row' }, title, facts, el('span', { class: 'vw-grow' }), choices),
    stage,
    el('div', { class: 'vw-row vw-pairs-foot' }, el('span', { class: 'vw-note vw-grow', text: texts.compare_keys }),
      button('previous', () => step(-1)), button('next', () => step(1)), button('close', () => dialog.close())));
  line.setAttribute('aria-label', texts.divider);
  line.setAttribute('aria-valuemin', '0');
  line.setAttribute('aria-valuemax', '100');
  let row = null, chosen = 0, at = 50, dragging = false;

  function place(percent) {
    at = Math.min(100, Math.max(0, percent));
    front.style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    line.style.left = at + '%';
    line.setAttribute('aria-valuenow', Math.round(at));
  }
  const follow = (event) => { const box = stage.getBoundingClientRect(); place((event.clientX - box.left) / box.width * 100); };
  stage.addEventListener('pointerdown', (event) => { dragging = true; stage.setPointerCapture(event.pointerId); follow(event); line.focus(); event.preventDefault(); });
  stage.addEventListener('pointermove', (event) => { if (dragging) follow(event); });
  for (const end of ['pointerup', 'pointercancel']) stage.addEventListener(end, () => { dragging = false; });

  dialog.addEventListener('keydown', (event) => {
    const keys = { ArrowLeft: () => place(at - (event.shiftKey ? 10 : 2)), ArrowRight: () => place(at + (event.shiftKey ? 10 : 2)),
      Home: () => place(0), End: () => place(100), PageDown: () => step(1), PageUp: () => step(-1),
      ArrowDown: () => step(1), ArrowUp: () => step(-1) };
    const digit = Number(event.key);
    if (keys[event.key]) keys[event.key]();
    else if (digit >= 1 && row && digit <= row.controls.length) choose(digit - 1);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });

  function choose(number) {
    chosen = Math.min(number, row.controls.length - 1);
    const control = row.controls[chosen];
    stage.querySelector('.is-left').textContent = control ? fillText(texts.control_n, { n: chosen + 1 }) : '';
    front.hidden = line.hidden = !control;
    if (control) over.src = options.controlSrc(row, control); else over.removeAttribute('src');
    facts.textContent = `${row.width} × ${row.height}` + (control ? ` · ${control.width} × ${control.height} ${control.name}` : '');
    choices.replaceChildren(...(row.controls.length > 1 ? row.controls : []).map((_, index) => el('button', {
      class: 'vw-button' + (index === chosen ? ' is-on' : ''), text: String(index + 1), title: fillText(texts.control_n, { n: index + 1 }),
      'aria-pressed': String(index === chosen), on: { click: () => choose(index) } })));
  }
  async function step(by) {
    const next = await options.rowAt(row, by);
    if (next && dialog.open) show(next, chosen);
  }
  function show(next, number) {
    row = next;
    title.textContent = row.name;
    under.src = options.targetSrc(row);
    stage.style.aspectRatio = `${row.width} / ${row.height}`;
    stage.style.width = `min(100%, calc((100vh - 12rem) * ${row.width / row.height}))`;
    choose(Math.max(0, number));
  }
  return {
    open(next, number = 0) { show(next, number); place(50); if (!dialog.open) dialog.showModal(); line.focus(); },
    close() { if (dialog.open) dialog.close(); },
  };
}
