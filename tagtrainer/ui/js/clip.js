// The clip in the viewer: it lies over the poster and plays there, or says why it does not and shows four of its frames.
// makeClip(picture, {texts, address(kind, item), facts(item), onFacts(item, text)}) -> {show(item), hide()}
function makeClip(picture, options) {
  const texts = options.texts;
  const make = (tag, name) => { const node = document.createElement(tag); node.className = name; node.hidden = true; return node; };
  const player = Object.assign(make('video', 'gl-clip'), { controls: true, muted: true, loop: true, playsInline: true, preload: 'none' });
  player.disablePictureInPicture = true;
  const instead = make('div', 'gl-instead'), words = document.createElement('p'), strip = document.createElement('img');
  strip.alt = '';
  instead.append(words, strip);
  picture.after(player, instead);
  let current = null, ticket = 0;

  player.addEventListener('error', () => { if (current && player.getAttribute('src')) refuse(current); });

  function stop() {
    player.pause();
    player.removeAttribute('src');
    player.removeAttribute('poster');
    player.load();
    player.hidden = instead.hidden = true;
    strip.removeAttribute('src');
  }

  function refuse(item) {
    stop();
    words.textContent = texts.clip_not_played;
    strip.src = options.address('strip', item);
    instead.hidden = false;
  }

  async function show(item) {
    hide();
    current = item;
    const mine = ++ticket;
    let facts;
    try { facts = await options.facts(item); } catch { return; }
    if (mine !== ticket) return;
    options.onFacts(item, describe(facts));
    if (facts.shown === 'picture') picture.src = options.address('clip', item);
    else if (facts.shown === 'strip') refuse(item);
    else {
      player.poster = picture.src;
      player.src = options.address('clip', item);
      player.hidden = false;
    }
  }

  function describe(facts) {
    const seconds = facts.duration < 60 ? `${facts.duration.toFixed(1)} s` : clipLength(facts.duration);
    return [seconds, fill(texts.clip_fps, { fps: +facts.fps.toFixed(2) }), fill(texts.clip_frames, { frames: facts.frames }), facts.format].join(' · ');
  }
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name]);

  function hide() {
    ticket++;
    if (current) stop();
    current = null;
  }
  return { show, hide, get player() { return player; } };
}

// 75 -> "1:15"
function clipLength(seconds) {
  const whole = Math.max(0, Math.round(seconds)), minutes = Math.floor(whole / 60);
  return minutes > 59 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`
    : `${minutes}:${String(whole % 60).padStart(2, '0')}`;
}
