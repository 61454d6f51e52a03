// Small control images over the large picture of the viewer; one that is pointed at or focused is shown in its place.
// makePartners(stage, picture, {load(item) -> row of the Pairs view, src(item, control, kind)})
function makePartners(stage, picture, options) {
  const strip = document.createElement('div');
  strip.className = 'gl-partners';
  strip.hidden = true;
  stage.append(strip);
  let ticket = 0, held = '';

  function peek(address) {
    if (address && !held) held = picture.src;
    if (address) picture.src = address;
    else if (held) { picture.src = held; held = ''; }
  }
  function button(item, control, index) {
    const made = document.createElement('button'), small = document.createElement('img');
    made.type = 'button';
    made.title = `${index + 1} · ${control.name} · ${control.width} × ${control.height}`;
    small.src = options.src(item, control, 'preview');
    small.alt = control.name;
    small.draggable = false;
    made.append(small);
    for (const on of ['pointerenter', 'focus']) made.addEventListener(on, () => peek(options.src(item, control, 'medium')));
    for (const off of ['pointerleave', 'blur']) made.addEventListener(off, () => peek(''));
    return made;
  }
  return {
    async show(item) {
      const mine = ++ticket;
      held = '';
      strip.hidden = true;
      strip.replaceChildren();
      if (!item || !item.controls) return;
      const row = await options.load(item).catch(() => null);
      if (!row || mine !== ticket) return;
      strip.replaceChildren(...row.controls.filter((control) => !control.missing).map((control, index) => button(item, control, index)));
      strip.hidden = !strip.children.length;
    },
  };
}
