//! The strip above the plots: one lane per target with its phases, the fault, how long its users
//! felt it, how long work was left, and a word at each mark. Words have rows of their own here, so
//! that they never collide with a line or with each other.

use maud::{Markup, html};

use super::percent;

/// What a bar of a lane stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BarKind {
    /// The fault acts.
    Fault,
    /// Users are served worse than before the fault.
    Impact,
    /// Users are served, but work is left over.
    Backlog,
}

impl BarKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Impact => "impact",
            Self::Backlog => "backlog",
        }
    }
}

/// A stretch of time of a lane; places are shares of the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it stands for.
    pub kind: BarKind,
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// What it says when pointed at.
    pub text: String,
}

/// A moment with a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where, as a share of the time axis.
    pub at: f64,
    /// A sign that is told apart without colour.
    pub sign: char,
    /// The word and its time.
    pub text: String,
    /// What else is to be said where there is room.
    pub detail: String,
}

/// A phase of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseStretch {
    /// Its name.
    pub name: &'static str,
    /// Its beginning, as a share of the time axis.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

/// One target's lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Colour and dash pattern of the target.
    pub style: usize,
    /// The target and its mode.
    pub name: String,
    /// What else is to be said, such as that it is a control.
    pub note: String,
    /// Phases, in order.
    pub phases: Vec<PhaseStretch>,
    /// Bars.
    pub bars: Vec<Bar>,
    /// Marks, ascending.
    pub marks: Vec<Mark>,
}

/// Narrowest plot, in pixels, for which words are kept apart at their full size; narrower pages
/// write them smaller.
const NARROWEST: f64 = 520.0;
/// Width of a letter of a word, in pixels, rounded up.
const LETTER: f64 = 6.4;
/// Height of a row of words, in pixels.
const ROW: u32 = 15;
/// Name and phases, in pixels.
const HEAD: u32 = 36;
/// Bars, in pixels.
const BARS: u32 = 18;
/// Room below a lane, in pixels.
const FOOT: u32 = 12;
/// Width of a plot, in pixels, for which names of phases are kept whole.
const USUAL: f64 = 700.0;

impl Lane {
    /// Height in pixels.
    pub fn height(&self) -> u32 {
        let rows = self.rows().into_iter().max().map_or(0, |last| last + 1);
        let bars = if self.bars.is_empty() { 0 } else { BARS };
        HEAD + bars + rows * ROW + FOOT
    }

    /// Draws it at a height of the figure.
    pub fn draw(&self, top: u32) -> Markup {
        html! {
            line class=(format!("line good s{}", self.style)) x1="0" x2="26" y1=(top + 10) y2=(top + 10) {}
            text.name x="34" y=(top + 14) {
                (self.name)
                @if !self.note.is_empty() { tspan.note dx="8" { (self.note) } }
            }
            @for (n, phase) in self.phases.iter().enumerate() {
                (draw_phase(phase, n, top + 22))
            }
            @for (mark, row) in self.marks.iter().zip(self.rows()) {
                (draw_mark(mark, top, row))
            }
            @for bar in &self.bars {
                (self.draw_bar(bar, top + HEAD + 2))
            }
        }
    }

    fn draw_bar(&self, bar: &Bar, top: u32) -> Markup {
        let (y, height) = if bar.kind == BarKind::Fault { (top, 6) } else { (top + 7, 8) };
        html! {
            rect class=(format!("bar {} s{}", bar.kind.class(), self.style)) x=(percent(bar.from))
                width=(percent((bar.to - bar.from).max(0.002))) y=(y) height=(height) {
                title { (bar.text) }
            }
        }
    }

    /// The row of each mark's word, so that neither words nor the lines that lead to them touch.
    fn rows(&self) -> Vec<u32> {
        let mut backward = arrange(self.marks.iter().rev());
        backward.reverse();
        let forward = arrange(self.marks.iter());
        if forward.iter().max() < backward.iter().max() { forward } else { backward }
    }
}

/// Puts each word into the first row in which it touches none of those before it.
fn arrange<'a>(marks: impl ExactSizeIterator<Item = &'a Mark>) -> Vec<u32> {
    let most = u32::try_from(marks.len()).unwrap_or(u32::MAX);
    let mut placed: Vec<Word> = Vec::new();
    for mark in marks {
        let word = |row| Word { row, at: mark.at, extent: word_extent(mark) };
        let free = |row: &u32| placed.iter().all(|other| !other.touches(&word(*row)));
        let row = (0..most).find(free).unwrap_or(most);
        placed.push(word(row));
    }
    placed.iter().map(|word| word.row).collect()
}

/// A word with its place.
struct Word {
    row: u32,
    at: f64,
    extent: (f64, f64),
}

impl Word {
    fn touches(&self, other: &Self) -> bool {
        let overlap = self.extent.0 <= other.extent.1 && other.extent.0 <= self.extent.1;
        self.row == other.row && overlap || self.is_crossed_by(other) || other.is_crossed_by(self)
    }

    /// Whether the line that leads to the other word passes through this one.
    fn is_crossed_by(&self, other: &Self) -> bool {
        other.row > self.row && other.at > self.extent.0 && other.at < self.extent.1
    }
}

/// Room of a word on the narrowest plot, as shares of the time axis.
fn word_extent(mark: &Mark) -> (f64, f64) {
    let width = word_width(mark);
    if is_turned(mark) { (mark.at - width, mark.at) } else { (mark.at, mark.at + width) }
}

fn word_width(mark: &Mark) -> f64 {
    let letters = mark.text.chars().count() + mark.detail.chars().count() + 2;
    (letters as f64 * LETTER + 10.0) / NARROWEST
}

/// A word stands to the left of its mark where there is no room to the right of it.
fn is_turned(mark: &Mark) -> bool {
    mark.at + word_width(mark) > 1.0
}

fn draw_phase(phase: &PhaseStretch, number: usize, top: u32) -> Markup {
    let class = if number.is_multiple_of(2) { "phase even" } else { "phase odd" };
    let share = (phase.to - phase.from).max(0.0);
    let named = share * USUAL > phase.name.len() as f64 * 5.6 + 10.0;
    html! {
        rect class=(class) x=(percent(phase.from)) width=(percent(share)) y=(top) height="14" {
            title { (phase.name) }
        }
        @if named {
            text.phase-name x=(percent(phase.from)) dx="5" y=(top + 11) { (phase.name) }
        }
    }
}

fn draw_mark(mark: &Mark, top: u32, row: u32) -> Markup {
    let y = top + HEAD + BARS + row * ROW + 12;
    let x = percent(mark.at);
    let turned = is_turned(mark);
    html! {
        line.lead x1=(x) x2=(x) y1=(top + HEAD) y2=(y + 1) {}
        text class=(if turned { "mark turned" } else { "mark" }) x=(x) y=(y)
            dx=(if turned { "-5" } else { "5" }) {
            @if turned { (mark.text) (detail(mark)) " " (mark.sign) }
            @else { (mark.sign) " " (mark.text) (detail(mark)) }
        }
    }
}

fn detail(mark: &Mark) -> Markup {
    html! { @if !mark.detail.is_empty() { tspan.detail { (mark.detail) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(marks: &[(f64, &str)]) -> Lane {
        Lane {
            style: 0,
            name: "broker".to_owned(),
            note: String::new(),
            phases: Vec::new(),
            bars: Vec::new(),
            marks: marks
                .iter()
                .map(|(at, text)| Mark {
                    at: *at,
                    sign: '▼',
                    text: (*text).to_owned(),
                    detail: String::new(),
                })
                .collect(),
        }
    }

    #[test]
    fn words_that_would_touch_stand_in_rows_of_their_own() {
        assert_eq!(lane(&[(0.1, "felt"), (0.6, "healed")]).rows(), [0, 0]);
        assert_eq!(lane(&[(0.30, "felt"), (0.32, "healed 15.0 s"), (0.34, "x")]).rows(), [2, 1, 0]);
    }

    #[test]
    fn a_line_that_leads_to_a_word_passes_through_no_other() {
        // The word of the first mark would lie over the line of the second one.
        assert_eq!(lane(&[(0.60, "healed 15.0 s"), (0.66, "recovered 17.3 s")]).rows(), [1, 0]);
        // Both stand to the left of their marks: the second word would lie over the first line.
        assert_eq!(lane(&[(0.85, "healed 15.0 s"), (0.90, "recovered 17.3 s")]).rows(), [0, 1]);
    }

    #[test]
    fn a_word_near_the_end_stands_to_the_left_of_its_mark() {
        let (from, to) = word_extent(&lane(&[(0.95, "recovered 40 s")]).marks[0]);
        assert!(from < 0.95 && (to - 0.95).abs() < 1e-9);
    }

    #[test]
    fn rows_make_a_lane_taller() {
        assert!(lane(&[(0.3, "a"), (0.31, "b")]).height() > lane(&[(0.3, "a")]).height());
    }
}
