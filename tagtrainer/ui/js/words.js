// Words of numbers for people, shared by the gallery and every view.
function fillText(text, values) { return String(text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole)); }

function size(bytes) {
  for (const unit of ['B', 'KB', 'MB', 'GB']) {
    if (bytes < 1024 || unit === 'GB') return (unit === 'B' ? bytes : bytes.toFixed(1)) + ' ' + unit;
    bytes /= 1024;
  }
}

const clock = (seconds) => {
  const whole = Math.max(0, Math.round(seconds)), minutes = Math.floor(whole / 60);
  return minutes > 59 ? `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${String(whole % 60).padStart(2, '0')}`
    : `${minutes}:${String(whole % 60).padStart(2, '0')}`;
};
