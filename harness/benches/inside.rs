//! What one process does for every request, order and run, measured by Criterion on a run that
//! really was: `CHAOS_EXPERIMENT` names its folder. `ci/benchmark-inside` makes one.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use chaos_harness::experiment::{Experiment, judge};
use chaos_harness::folder::{FINAL_STATE, FrameWriter, ORDERS, read_final_state, read_orders};
use chaos_harness::recorder::Recorder;
use chaos_reports::record::event::Event;
use chaos_reports::record::journal;
use chaos_reports::render::FORMATS;
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::workload::{Arrival, Schedule, Stage, builtin};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// The folder of an experiment of at least one run.
fn experiment() -> Experiment {
    let folder = std::env::var_os("CHAOS_EXPERIMENT").map(PathBuf::from);
    let folder = folder.expect("CHAOS_EXPERIMENT names the folder of an experiment");
    Experiment::open(&folder).expect("an experiment")
}

fn first_run(experiment: &Experiment) -> PathBuf {
    experiment.run_folder(experiment.plans.first().expect("a run"))
}

/// Before a request is sent: its texts are made from the seed and its number.
fn requests(criterion: &mut Criterion) {
    let workload = builtin("checkout").expect("it comes along").compile().expect("it compiles");
    let rate = Rate::per_second(1_000.0).expect("a rate");
    let stages = [Stage { from: Span::ZERO, rate }];
    let schedule = Schedule::new(&stages, Arrival::Constant, 7).expect("a schedule");
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Elements(1));
    let mut number = 0;
    group.bench_function("made", |bencher| {
        bencher.iter(|| {
            number += 1;
            black_box(workload.request(7, number, &schedule))
        });
    });
    group.finish();
}

/// While a run goes on: events are folded and written, orders are put on the ledger.
fn recording(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recording");
    group.throughput(Throughput::Elements(1));
    let recorder = Recorder::new(Box::new(std::io::sink()));
    group.bench_function("event", |bencher| {
        bencher.iter(|| recorder.emit(Event::FaultInjected { fault: 1 }));
    });
    let orders = read_orders(&first_run(&experiment()).join(ORDERS)).expect("a ledger");
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = FrameWriter::create(&folder.path().join("orders")).expect("a ledger");
    let mut orders = orders.iter().cycle();
    group.bench_function("order on the ledger", |bencher| {
        bencher.iter(|| writer.write(orders.next().expect("there are orders")));
    });
    group.finish();
}

/// After a run: what it left is read, judged, and rendered.
fn reporting(criterion: &mut Criterion) {
    let experiment = experiment();
    let run = first_run(&experiment);
    let mut group = criterion.benchmark_group("reporting");
    let bytes = std::fs::read(run.join("journal.jsonl")).expect("a journal");
    let lines = bytes.split(|byte| *byte == b'\n').count() - 1;
    group.throughput(Throughput::Elements(lines as u64));
    group.bench_function("journal read, a line", |bencher| {
        bencher.iter(|| journal::read(black_box(&bytes)).expect("a journal"));
    });
    let rows = |path: &Path| read_final_state(path).expect("a final state");
    let path = run.join(FINAL_STATE);
    group.throughput(Throughput::Elements(rows(&path).len() as u64));
    group.bench_function("final state read, a row", |bencher| bencher.iter(|| rows(&path)));
    let orders = read_orders(&run.join(ORDERS)).expect("a ledger").len() as u64;
    group.throughput(Throughput::Elements(orders));
    group.bench_function("read and judged, an order", |bencher| {
        bencher.iter(|| judge(&experiment).expect("a report"));
    });
    let report = judge(&experiment).expect("a report");
    group.throughput(Throughput::Elements(1));
    for format in FORMATS {
        group.bench_function(format!("rendered as {}", format.name), |bencher| {
            bencher.iter(|| (format.render)(&report).expect("it renders"));
        });
    }
    group.finish();
}

criterion_group!(inside, requests, recording, reporting);
criterion_main!(inside);
