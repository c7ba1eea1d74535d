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

/// Narrowest plot, in pixels, for which words are kept apart.
const NARROWEST: f64 = 400.0;
/// Width of a letter of a word, in pixels, rounded up.
const LETTER: f64 = 6.4;
/// Height of a row of words, in pixels.
const ROW: u32 = 15;
/// Name, phases and bars above the words, in pixels.
const HEAD: u32 = 48;
/// Room below a lane, in pixels.
const FOOT: u32 = 8;
/// From here on a word stands to the left of its mark.
const TURN: f64 = 0.72;

impl Lane {
    /// Height in pixels.
    pub fn height(&self) -> u32 {
        let rows = self.rows().into_iter().max().map_or(0, |last| last + 1);
        HEAD + rows * ROW + FOOT
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
            @for bar in &self.bars {
                (self.draw_bar(bar, top + 29))
            }
            @for (mark, row) in self.marks.iter().zip(self.rows()) {
                (draw_mark(mark, top, row))
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

    /// The row of each mark's word: the first in which it touches no other.
    fn rows(&self) -> Vec<u32> {
        let mut ends: Vec<Vec<(f64, f64)>> = Vec::new();
        let mut rows = Vec::with_capacity(self.marks.len());
        for mark in &self.marks {
            let (from, to) = word_extent(mark);
            let free =
                |row: &Vec<(f64, f64)>| row.iter().all(|other| to < other.0 || from > other.1);
            let row = ends.iter().position(free).unwrap_or(ends.len());
            if row == ends.len() {
                ends.push(Vec::new());
            }
            ends[row].push((from, to));
            rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        rows
    }
}

/// Room of a word on the narrowest plot, as shares of the time axis.
fn word_extent(mark: &Mark) -> (f64, f64) {
    let width = (mark.text.chars().count() as f64 * LETTER + 24.0) / NARROWEST;
    if mark.at > TURN { (mark.at - width, mark.at) } else { (mark.at, mark.at + width) }
}

fn draw_phase(phase: &PhaseStretch, number: usize, top: u32) -> Markup {
    let shade = if number.is_multiple_of(2) { "phase even" } else { "phase odd" };
    html! {
        rect class=(shade) x=(percent(phase.from)) width=(percent((phase.to - phase.from).max(0.0)))
            y=(top) height="4" { title { (phase.name) } }
    }
}

fn draw_mark(mark: &Mark, top: u32, row: u32) -> Markup {
    let y = top + HEAD + row * ROW + 10;
    let x = percent(mark.at);
    let turned = mark.at > TURN;
    html! {
        line.lead x1=(x) x2=(x) y1=(top + 26) y2=(y + 1) {}
        text class=(if turned { "mark turned" } else { "mark" }) x=(x) y=(y)
            dx=(if turned { "-5" } else { "5" }) {
            @if turned { (mark.text) " " (mark.sign) } @else { (mark.sign) " " (mark.text) }
        }
    }
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
                .map(|(at, text)| Mark { at: *at, sign: '▼', text: (*text).to_owned() })
                .collect(),
        }
    }

    #[test]
    fn words_that_would_touch_stand_in_rows_of_their_own() {
        assert_eq!(lane(&[(0.1, "felt"), (0.6, "healed")]).rows(), [0, 0]);
        assert_eq!(lane(&[(0.30, "felt"), (0.32, "healed 15.0 s"), (0.34, "x")]).rows(), [0, 1, 2]);
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
