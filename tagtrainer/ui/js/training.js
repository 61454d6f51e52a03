// Asks for the live sheet a moment after anything in the form was touched; the server skips what did not change.
const touched = (() => {
  let timer = 0;
  return (wait = 500) => {
    clearTimeout(timer);
    timer = setTimeout(() => document.querySelector('#training_refresh')?.click(), wait);
  };
})();
window.tagtrainer = window.tagtrainer || {};
tagtrainer.refreshTraining = () => touched(60);
for (const kind of ['input', 'change', 'focusout', 'pointerup']) {
  document.addEventListener(kind, (event) => {
    const target = event.target;
    if (target.closest && (target.closest('#training_form') || target.closest('[role=option]')) && !target.closest('#training_search')) touched();
  }, true);
}
tagtrainer.refreshTraining();
