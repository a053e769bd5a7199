//! Progress on long work, for people only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Something whose end is not known.
pub fn counting() -> ProgressBar {
    if !is_watched() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Something of so many bytes.
pub fn through(bytes: u64) -> ProgressBar {
    let bar = if is_watched() { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {elapsed}, about {eta} left");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}
