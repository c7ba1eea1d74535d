//! A figure: lanes above, plots below, one time axis through all of them.

use maud::{Markup, PreEscaped, html};

use super::axis::Axis;
use super::lane::Lane;
use super::panel::{Panel, TITLE_HEIGHT, shade};
use super::percent;

/// Lanes and plots over the same time.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What the figure shows, for those who cannot see it.
    pub description: String,
    /// Time in seconds.
    pub time: Axis,
    /// What second 0 is.
    pub zero: String,
    /// Steps that the lines have.
    pub steps: usize,
    /// One lane per target.
    pub lanes: Vec<Lane>,
    /// Plots, from above.
    pub panels: Vec<Panel>,
    /// Stretches in which a fault acts, in seconds.
    pub faults: Vec<(f64, f64)>,
    /// Moments that a thin line marks through all plots, in seconds.
    pub rules: Vec<f64>,
}

/// Room between plots, in pixels.
const GAP: u32 = 18;
/// Room for the time axis, in pixels.
const TIME_HEIGHT: u32 = 22;
/// Width of a figure that is a file of its own, in pixels.
const FILE_WIDTH: u32 = 960;
/// Room at its left for the texts of ticks.
const FILE_LEFT: u32 = 60;
/// Room at its right.
const FILE_RIGHT: u32 = 24;
/// Room above and below.
const FILE_MARGIN: u32 = 20;

/// The look of a figure in light colours, for a file of its own.
const FILE_STYLE: &str = include_str!("figure.css");

impl Figure {
    /// Height in pixels.
    pub fn height(&self) -> u32 {
        let lanes: u32 = self.lanes.iter().map(Lane::height).sum();
        let panels: u32 = self.panels.iter().map(|panel| panel.total_height() + GAP).sum();
        lanes + TIME_HEIGHT + panels + TIME_HEIGHT
    }

    /// The drawing, to stand in a page that brings the style.
    pub fn draw(&self) -> Markup {
        let mut top = 0;
        let mut lanes = Vec::new();
        for lane in &self.lanes {
            lanes.push(lane.draw(top));
            top += lane.height();
        }
        let (times_above, mut top) = (top, top + TIME_HEIGHT);
        let mut panels = Vec::new();
        for panel in &self.panels {
            panels.push(self.draw_panel(panel, top));
            top += panel.total_height() + GAP;
        }
        html! {
            @for lane in lanes { (lane) }
            (self.draw_times(times_above, false))
            @for panel in panels { (panel) }
            (self.draw_times(top - GAP, true))
        }
    }

    fn draw_panel(&self, panel: &Panel, top: u32) -> Markup {
        let plot = top + TITLE_HEIGHT;
        html! {
            @for (from, to) in &self.faults {
                (shade(self.time.share(*from), self.time.share(*to), plot, panel.height))
            }
            @for tick in &self.time.ticks {
                @let x = percent(self.time.share(*tick));
                line.grid x1=(x) x2=(x) y1=(plot) y2=(plot + panel.height) {}
            }
            (panel.draw(top, self.steps))
            @for at in &self.rules {
                @let x = percent(self.time.share(*at));
                line.rule x1=(x) x2=(x) y1=(plot) y2=(plot + panel.height) {}
            }
        }
    }

    fn draw_times(&self, top: u32, named: bool) -> Markup {
        html! {
            @for tick in &self.time.ticks {
                text.tick.along x=(percent(self.time.share(*tick))) y=(top + 14) { (seconds(*tick)) }
            }
            @if named { text.tick.zero x="100%" y=(top + 30) { (self.zero) } }
        }
    }

    /// The drawing as a file of its own, in light colours on white.
    pub fn file(&self, title: &str) -> String {
        let height = self.height() + 2 * FILE_MARGIN + 40;
        let inner = FILE_WIDTH - FILE_LEFT - FILE_RIGHT;
        html! {
            svg xmlns="http://www.w3.org/2000/svg" class="chart file" role="img"
                width=(FILE_WIDTH) height=(height) viewBox=(format!("0 0 {FILE_WIDTH} {height}")) {
                title { (title) }
                desc { (self.description) }
                style { (PreEscaped(FILE_STYLE)) }
                rect.paper width="100%" height="100%" rx="8" {}
                text.heading x=(FILE_LEFT) y=(FILE_MARGIN + 10) { (title) }
                svg x=(FILE_LEFT) y=(FILE_MARGIN + 26) width=(inner) height=(self.height())
                    overflow="visible" { (self.draw()) }
            }
        }
        .into_string()
    }
}

/// A time with its sign, as ticks show it.
fn seconds(value: f64) -> String {
    let value = (value * 1e3).round() / 1e3;
    if value < 0.0 { format!("−{} s", -value) } else { format!("{value} s") }
}
