//! Verdicts as badges: a sign, a word and a colour, so that none of them is needed alone.

use maud::{Markup, html};

use crate::judge::{Flag, Verdict};

const TICK: &str = "M3 8.5l3.2 3.2L13 4.8";
const CROSS: &str = "M4 4l8 8M12 4l-8 8";
const QUESTION: &str = "M5.6 5.8a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2 1-1.2 1.9M8 12.7v.1";
const EXCLAMATION: &str = "M8 3v6.4M8 12.7v.1";
const DASH: &str = "M3.5 8h9";
const SQUARE: &str = "M4.5 4.5h7v7h-7z";

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => TICK,
        Verdict::Deviated => CROSS,
        Verdict::Inconclusive => QUESTION,
        Verdict::NotSteady | Verdict::Error => EXCLAMATION,
        Verdict::NotApplicable => DASH,
        Verdict::Aborted | Verdict::Interrupted => SQUARE,
    }
}

fn badge(class: &str, path: &str, word: &str) -> Markup {
    html! {
        span class={ "badge " (class) } {
            svg viewBox="0 0 16 16" aria-hidden="true" { path d=(path) {} }
            (word)
        }
    }
}

/// A verdict with its flags.
pub(super) fn verdict(verdict: Verdict, flags: &[Flag]) -> Markup {
    html! {
        (badge(verdict.name(), sign(verdict), &verdict.name().replace('-', " ")))
        @for flag in flags {
            " "
            @match flag {
                Flag::Dirty => (badge("dirty", EXCLAMATION, "dirty")),
                Flag::Flaky => (badge("flaky", QUESTION, "flaky")),
            }
        }
    }
}

/// Whether something held.
pub(super) fn held(held: Option<bool>) -> Markup {
    match held {
        Some(true) => badge("held", TICK, "held"),
        Some(false) => badge("deviated", CROSS, "not held"),
        None => badge("inconclusive", QUESTION, "cannot be told"),
    }
}
