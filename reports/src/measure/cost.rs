//! What serving users cost: processor time and memory of the containers while there was load.

use crate::judge::Value;
use crate::record::run_record::{RunRecord, UsageSample};

use super::tally::{due_within, windows};
use super::times::Stretch;
use super::{absent, headline};

/// Processor time of all containers / good orders, seconds. Everything that users asked for besides
/// orders is in it, and the same for every target.
pub(super) fn cpu_per_order(record: &RunRecord) -> Value {
    let Some(load) = load(record) else { return absent("there was no load") };
    let spans: Vec<(Stretch, u64)> =
        record.usage.values().filter_map(|samples| used(samples, load)).collect();
    let Some(sampled) = spans.iter().map(|(stretch, _)| *stretch).reduce(common) else {
        return absent("no container was sampled twice under load");
    };
    let micros: u64 = spans.iter().map(|(_, cpu)| cpu).sum();
    match due_within(windows(record, headline(record)), sampled).good {
        0 => absent("no order went well"),
        good => Value::Exact(micros as f64 / 1e6 / good as f64),
    }
}

/// The highest memory of each container under load, added up, bytes.
pub(super) fn memory(record: &RunRecord) -> Value {
    let Some(load) = load(record) else { return absent("there was no load") };
    let highest = |samples: &Vec<UsageSample>| {
        samples.iter().filter(|it| load.contains(it.at)).map(|it| it.memory).max()
    };
    let peaks: Vec<u64> = record.usage.values().filter_map(highest).collect();
    match peaks.is_empty() {
        true => absent("no container was sampled under load"),
        false => Value::Exact(peaks.iter().sum::<u64>() as f64),
    }
}

fn load(record: &RunRecord) -> Option<Stretch> {
    Some(Stretch::new(record.load_started?, record.load_ended.unwrap_or(record.last)))
}

/// The processor time that a container used between its first and its last sample under load. It
/// begins again at zero when the container is started again.
fn used(samples: &[UsageSample], load: Stretch) -> Option<(Stretch, u64)> {
    let within: Vec<&UsageSample> = samples.iter().filter(|it| load.contains(it.at)).collect();
    let (first, last) = (within.first()?, within.last()?);
    if within.len() < 2 {
        return None;
    }
    let grown = |pair: &[&UsageSample]| match pair[1].cpu.checked_sub(pair[0].cpu) {
        Some(grown) => grown,
        None => pair[1].cpu,
    };
    Some((Stretch::new(first.at, last.at), within.windows(2).map(grown).sum()))
}

/// Samples of all containers are taken at about the same times; what they differ by does not matter
/// over a whole run.
fn common(one: Stretch, other: Stretch) -> Stretch {
    Stretch::new(one.from.max(other.from), one.until.min(other.until))
}

#[cfg(test)]
mod tests {
    use super::{UsageSample, used};
    use crate::measure::times::Stretch;
    use crate::record::Moment;

    #[test]
    fn processor_time_is_counted_under_load_and_across_a_restart() {
        let sample =
            |second: u64, cpu| UsageSample { at: Moment(second * 1_000_000), cpu, memory: 0 };
        let samples =
            [sample(0, 900), sample(2, 1000), sample(4, 1600), sample(6, 50), sample(8, 80)];
        let load = Stretch::new(Moment(1_000_000), Moment(9_000_000));
        let (stretch, cpu) = used(&samples, load).unwrap();
        assert_eq!((stretch.seconds(), cpu), (6.0, 600 + 50 + 30));
        assert_eq!(used(&samples[..2], load), None);
    }
}
