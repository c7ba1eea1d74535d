//! One plot of a figure: lines over time on one scale.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;
use super::percent;

/// A line over the steps of a figure; a step without a value is a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which target's colour and dash pattern.
    pub style: usize,
    /// What it shows: `good`, `due`, `p50`, `p95`, `p99`, `pending`; chooses weight and dashes.
    pub role: &'static str,
    /// One value per step.
    pub values: Vec<Option<f64>>,
    /// Whether the room between the line and the low end is tinted.
    pub filled: bool,
}

/// A plot.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// What else is to be said of it where there is room.
    pub detail: String,
    /// Line samples with words that stand at the right of the title: role and word.
    pub key: Vec<(&'static str, &'static str)>,
    /// Style of the samples.
    pub key_style: usize,
    /// Height of the plot in pixels, without its title.
    pub height: u32,
    /// The scale across.
    pub axis: Axis,
    /// Text of each tick.
    pub tick_text: fn(f64) -> String,
    /// What is drawn, first below.
    pub lines: Vec<Line>,
}

/// Room for the title above a plot, in pixels.
pub const TITLE_HEIGHT: u32 = 26;

/// Letters of a title beside which a key fits on a narrow page.
const SHORT: usize = 20;

/// Units of a plot's own coordinates per pixel: keeps numbers whole and lines smooth.
const UNITS: u32 = 10;

impl Panel {
    /// Height with the title, in pixels.
    pub fn total_height(&self) -> u32 {
        TITLE_HEIGHT + self.height
    }

    /// Draws it at a height of the figure.
    pub fn draw(&self, top: u32, steps: usize) -> Markup {
        let plot = top + TITLE_HEIGHT;
        html! {
            text.title x="0" y=(top + 15) {
                (self.title)
                @if !self.detail.is_empty() { tspan.detail dx="7" { (self.detail) } }
            }
            (self.draw_key(top + 15))
            @for tick in &self.axis.ticks {
                @let y = f64::from(plot) + (1.0 - self.axis.share(*tick)) * f64::from(self.height);
                @let y = (y * 10.0).round() / 10.0;
                line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                text.tick.across x="-8" y=(y + 4.0) { ((self.tick_text)(*tick)) }
            }
            svg y=(plot) width="100%" height=(self.height) preserveAspectRatio="none"
                viewBox=(format!("0 0 {} {}", steps.max(1), self.height * UNITS)) {
                @for line in &self.lines {
                    @if line.filled {
                        path class=(format!("fill s{}", line.style)) d=(self.area(line)) {}
                    }
                    path class=(format!("line {} s{}", line.role, line.style)) d=(self.path(line)) {}
                }
            }
        }
    }

    /// Samples are placed from the right end to the left, so that they need no width.
    fn draw_key(&self, y: u32) -> Markup {
        let mut left = 0;
        let mut samples = Vec::new();
        for (role, word) in self.key.iter().rev() {
            let room = i32::try_from(word.len()).unwrap_or(0) * 7 + 34;
            left -= room;
            samples.push((left, *role, *word));
        }
        // A page that is narrow leaves out the key of a long title.
        let class = if self.title.chars().count() > SHORT { "key wordy" } else { "key" };
        html! {
            svg class=(class) x="100%" y="0" overflow="visible" {
                @for (x, role, word) in &samples {
                    line class=(format!("line {role} s{}", self.key_style))
                        x1=(x) x2=(x + 20) y1=(y - 4) y2=(y - 4) {}
                    text.word x=(x + 25) y=(y) { (word) }
                }
            }
        }
    }

    /// A staircase in whole numbers: one unit along is one step, and equal neighbours are joined.
    fn path(&self, line: &Line) -> String {
        let mut path = String::new();
        for (start, stretch) in stretches(&line.values) {
            let _ = write!(path, "M{start} {}", self.place(stretch[0]));
            self.stairs(&mut path, &stretch);
        }
        path
    }

    fn area(&self, line: &Line) -> String {
        let bottom = i64::from(self.height * UNITS);
        let mut path = String::new();
        for (start, stretch) in stretches(&line.values) {
            let _ = write!(path, "M{start} {bottom}V{}", self.place(stretch[0]));
            self.stairs(&mut path, &stretch);
            let _ = write!(path, "V{bottom}z");
        }
        path
    }

    fn stairs(&self, path: &mut String, stretch: &[f64]) {
        let mut at = self.place(stretch[0]);
        let mut width = 0;
        for value in stretch {
            let next = self.place(*value);
            if next != at {
                let _ = write!(path, "h{width}v{}", next - at);
                (at, width) = (next, 0);
            }
            width += 1;
        }
        let _ = write!(path, "h{width}");
    }

    #[expect(clippy::cast_possible_truncation, reason = "a height in pixels is small")]
    fn place(&self, value: f64) -> i64 {
        ((1.0 - self.axis.share(value)) * f64::from(self.height * UNITS)).round() as i64
    }
}

/// Runs of steps that have values, with the number of their first step.
fn stretches(values: &[Option<f64>]) -> Vec<(usize, Vec<f64>)> {
    let mut found: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut open = false;
    for (step, value) in values.iter().enumerate() {
        match (value, open) {
            (Some(value), true) => {
                if let Some((_, stretch)) = found.last_mut() {
                    stretch.push(*value);
                }
            }
            (Some(value), false) => found.push((step, vec![*value])),
            (None, _) => {}
        }
        open = value.is_some();
    }
    found
}

/// A shaded stretch of time over the whole of a plot.
pub fn shade(from: f64, to: f64, top: u32, height: u32) -> Markup {
    html! {
        rect.shade x=(percent(from)) width=(percent((to - from).max(0.0))) y=(top) height=(height) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel() -> Panel {
        Panel {
            title: "Good requests <per second>".to_owned(),
            detail: String::new(),
            key: vec![("p50", "p50")],
            key_style: 0,
            height: 10,
            axis: Axis::from_zero(10.0, 2),
            tick_text: |value| value.to_string(),
            lines: Vec::new(),
        }
    }

    fn line(values: &[Option<f64>]) -> Line {
        Line { style: 0, role: "good", values: values.to_vec(), filled: false }
    }

    #[test]
    fn equal_neighbours_are_joined_and_gaps_interrupt() {
        let drawn = panel().path(&line(&[Some(10.0), Some(10.0), Some(5.0), None, Some(0.0)]));
        assert_eq!(drawn, "M0 0h2v50h1M4 100h1");
    }

    #[test]
    fn an_area_goes_down_to_the_low_end() {
        assert_eq!(panel().area(&line(&[Some(5.0), Some(5.0)])), "M0 100V50h2V100z");
    }

    #[test]
    fn text_is_escaped() {
        let drawn = panel().draw(0, 4).into_string();
        assert!(drawn.contains("Good requests &lt;per second&gt;"), "{drawn}");
    }
}
