//! Making images, as a person sees it: which one is made, the last line of its build, and how long
//! it took. Quick checks show nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::Style;
use super::tell;
use crate::docker::image::{ensure_images, own_executable};
use crate::docker::{Daemon, DockerError};

/// Longest piece of a build's output that is shown.
const SHOWN_CHARACTERS: usize = 100;

/// Makes images ready, and shows what it takes. Returns what each reference means now.
pub async fn make(
    daemon: &Daemon,
    references: &BTreeSet<String>,
    style: Style,
) -> Result<BTreeMap<String, String>, DockerError> {
    let teller = Teller { style, bar: bar(style), started: Mutex::default() };
    let progress = |image: &str, line: &str| teller.line(image, line);
    let made = ensure_images(daemon, references, &own_executable(), &progress).await;
    teller.finish(made.is_ok());
    made
}

struct Teller {
    style: Style,
    bar: Option<ProgressBar>,
    started: Mutex<BTreeMap<String, Instant>>,
}

fn bar(style: Style) -> Option<ProgressBar> {
    (style == Style::Bars).then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {elapsed} {wide_msg:.dim}")
        {
            bar.set_style(style);
        }
        bar
    })
}

impl Teller {
    fn line(&self, image: &str, line: &str) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !started.contains_key(image) {
            started.insert(image.to_owned(), Instant::now());
            self.tell(&format!("making image {image}"));
        }
        if let Some(bar) = &self.bar {
            let line: String = line.trim().chars().take(SHOWN_CHARACTERS).collect();
            bar.set_message(format!("{image}: {line}"));
            bar.tick();
        }
    }

    fn tell(&self, text: &str) {
        match (&self.bar, self.style) {
            (Some(bar), _) => bar.suspend(|| tell(text)),
            (None, Style::Lines) => tell(text),
            (None, _) => {}
        }
    }

    fn finish(&self, made: bool) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let first = started.values().min().map(Instant::elapsed);
        if let Some(took) = first.filter(|_| made) {
            self.tell(&format!("images are ready after {:.1} s", took.as_secs_f64()));
        }
    }
}
