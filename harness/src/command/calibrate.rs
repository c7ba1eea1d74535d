//! `chaos doctor --calibrate`: the error bars of this machine, and what they mean.

use std::fmt::Write as _;

use console::style;
use serde_json::{Value, json};

use super::block_on;
use crate::calibration::compare::{Compared, Error};
use crate::calibration::quick::{Quick, Spread, Trial, calibrate};
use crate::cli::{Output, Show};
use crate::exit::Failure;
use crate::load;
use crate::stop::{self, Stop};
use crate::terminal;

/// A timer that is later than this leaves its mark on every request, microseconds.
const TIMER_LIMIT: u64 = 1_000;
/// Share of the time in which the harness may be kept from its cores, as in a run.
const KEPT_LIMIT: f64 = 0.05;

/// Calibrates and tells; 0 even if figures are out of bounds, which are told.
pub fn execute(show: Show) -> Result<u8, Failure> {
    let program = std::env::current_exe().map_err(Failure::environment)?;
    let quick = block_on(async {
        let stop = Stop::default();
        load::claim_signals().map_err(Failure::environment)?;
        stop::on_signals(&stop).map_err(Failure::environment)?;
        if show.output == Output::Human && !show.quiet {
            terminal::tell("calibrating, about 15 s; the machine should have nothing else to do");
        }
        calibrate(&program, &stop).await.map_err(Failure::environment)
    })?;
    match show.output {
        Output::Human => terminal::result(&text(&quick)),
        Output::Json => terminal::result(&json(&quick).to_string()),
    }
    Ok(0)
}

fn text(quick: &Quick) -> String {
    let mut lines = vec![timer(&quick.timer), cores(quick)];
    lines.extend(quick.trials.iter().map(trial));
    lines.extend(["goose", "direct"].map(|engine| carries(quick, engine)));
    lines.extend(outage(quick));
    lines.push(MEANING.to_owned());
    lines.join("\n")
}

const MEANING: &str = "
What it means: outages that a report of this machine tells begin and end within the errors above of
where they truly did; availability and percentiles are as far off. `Lag` is how late requests leave,
which counts as response time of the target. A run whose requests leave later than 10 ms (p99), or
whose cores are taken away for more than 5 % of the time, calls itself inconclusive.";

fn line(fine: bool, name: &str, detail: &str) -> String {
    let mark = if fine { style("✓").green() } else { style("!").yellow() };
    format!("{mark} {name:<16} {detail}")
}

fn timer(timer: &Spread) -> String {
    let detail = format!("a sleep of 1 ms ends late by {}", spread(timer));
    line(timer.p99 <= TIMER_LIMIT, "timer", &detail)
}

fn spread(spread: &Spread) -> String {
    let ms = |micros: u64| micros as f64 / 1e3;
    let Spread { p50, p99, most } = spread;
    format!("p50 {:.3} ms, p99 {:.3} ms, at most {:.3} ms", ms(*p50), ms(*p99), ms(*most))
}

fn cores(quick: &Quick) -> String {
    let Some(kept) = quick.kept else {
        return line(true, "cores", "the kernel does not tell what is taken from them");
    };
    let stolen = kept.stolen_share().unwrap_or(0.0);
    let pressed = kept.pressed_share();
    let others = pressed.map_or_else(
        || "what other processes take is not told here".to_owned(),
        |share| format!("other processes made us wait for {:.1} %", share * 100.0),
    );
    let detail = format!("{:.1} % of the time stolen by the hypervisor; {others}", stolen * 100.0);
    line(stolen.max(pressed.unwrap_or(0.0)) <= KEPT_LIMIT, "cores", &detail)
}

fn trial(trial: &Trial) -> String {
    let Trial { engine, rate, lag, not_sent, cpu } = trial;
    let mut detail = format!("lag {}; CPU {cpu:.0} µs a request", spread(lag));
    if *not_sent > 0.0 {
        let _ = write!(detail, "; {:.1} % not sent", not_sent * 100.0);
    }
    line(trial.is_sound(), &format!("{engine} {rate}/s"), &detail)
}

fn carries(quick: &Quick, engine: &str) -> String {
    match sound_rate(quick, engine) {
        Some(rate) => line(true, engine, &format!("carries at least {rate} requests/s here")),
        None => line(false, engine, "does not carry even the lowest rate that was tried"),
    }
}

fn sound_rate(quick: &Quick, engine: &str) -> Option<f64> {
    let sound = quick.trials.iter().filter(|trial| trial.engine == engine && trial.is_sound());
    sound.map(|trial| trial.rate).reduce(f64::max)
}

fn outage(quick: &Quick) -> Vec<String> {
    let case = &quick.outage;
    let length = case.lengths.outage;
    let what =
        format!("a service that refuses for {length}, at {}/s by {}", case.rate, case.engine);
    match &quick.compared {
        Compared::Measured(errors) => {
            let head = line(true, "known outage", &what);
            std::iter::once(head).chain(errors.iter().map(error)).collect()
        }
        Compared::Refused(reasons) => {
            let detail =
                format!("{what}: the run calls itself inconclusive: {}", reasons.join("; "));
            vec![line(false, "known outage", &detail)]
        }
    }
}

fn error(error: &Error) -> String {
    let Error { figure, error: off, bound } = error;
    let bound = bound.map_or_else(String::new, |bound| format!(", allowed {}", figure.show(bound)));
    let detail = format!("off by {}{bound}", figure.show(*off));
    line(error.is_within(), &format!("  {}", figure.name()), &detail)
}

fn json(quick: &Quick) -> Value {
    let spread =
        |spread: &Spread| json!({"p50": spread.p50, "p99": spread.p99, "max": spread.most});
    let trials = quick.trials.iter().map(|it| {
        json!({
            "engine": it.engine, "rate": it.rate, "sound": it.is_sound(), "not_sent": it.not_sent,
            "lag_micros": spread(&it.lag), "cpu_micros_per_request": it.cpu,
        })
    });
    let (errors, refused) = match &quick.compared {
        Compared::Measured(errors) => (errors.as_slice(), &[][..]),
        Compared::Refused(reasons) => (&[][..], reasons.as_slice()),
    };
    let errors = errors.iter().map(|it| {
        json!({
            "figure": it.figure.name(), "error": it.error, "bound": it.bound,
            "within": it.is_within(),
        })
    });
    let case = &quick.outage;
    json!({
        "timer_micros": spread(&quick.timer),
        "stolen": quick.kept.and_then(|kept| kept.stolen_share()),
        "pressed": quick.kept.and_then(|kept| kept.pressed_share()),
        "trials": trials.collect::<Vec<_>>(),
        "carries": {"goose": sound_rate(quick, "goose"), "direct": sound_rate(quick, "direct")},
        "outage": {
            "what": case.name, "rate": case.rate, "engine": case.engine,
            "seconds": case.lengths.outage.as_seconds(),
            "errors": errors.collect::<Vec<_>>(), "refused": refused,
        },
    })
}
