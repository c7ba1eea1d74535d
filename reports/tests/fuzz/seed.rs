//! What fuzzing begins with: the library, our own targets and workload, a journal, and small audits
//! and ledgers.

use chaos_scenarios::library;

/// The built-in targets.
pub(crate) const TARGETS: [(&str, &str); 4] = [
    ("monolith", include_str!("../../../targets/monolith/compose.yaml")),
    ("direct", include_str!("../../../targets/direct/compose.yaml")),
    ("broker", include_str!("../../../targets/broker/compose.yaml")),
    ("pipeline", include_str!("../../../targets/pipeline/compose.yaml")),
];
/// A scenario that fits any target.
pub(crate) const SCENARIO: &str = "version: 1\ntitle: Everything dies\n\
    steady-state-hypothesis: {title: It works, probes: [availability >= 99%]}\n\
    method: [{at: 1s, for: 2s, fault: {kill: {role: all}}}]\n";
/// A journal of the first format.
pub(crate) const JOURNAL: &str = include_str!("../compat/journal-1.0.jsonl");
/// Orders as their clients saw them.
pub(crate) const LEDGER: &str = include_str!("seeds/ledger.jsonl");
/// What became of them.
pub(crate) const AUDIT: &str = include_str!("seeds/audit.jsonl");

const WORKLOAD: &str = include_str!("../../../scenarios/workload/checkout.yaml");
const EXPECTATIONS: &str = include_str!("seeds/expectations.txt");
/// Every so many windows of the journal one is kept, so that most of its text is worth changing.
const SHORTER: usize = 20;

/// The seeds of a kind of text.
pub(crate) fn seeds(kind: &str) -> Vec<Vec<u8>> {
    let text = |text: &str| text.as_bytes().to_vec();
    match kind {
        "scenario" => library::names().filter_map(library::text).map(text).collect(),
        "compose" => TARGETS.iter().map(|(_, compose)| text(compose)).collect(),
        "workload" => vec![text(WORKLOAD)],
        "expectation" => EXPECTATIONS.lines().map(text).collect(),
        "journal" => vec![text(&shortened(JOURNAL))],
        "audit" => vec![text(AUDIT)],
        "ledger" => vec![text(LEDGER)],
        other => panic!("nothing is called `{other}`"),
    }
}

/// A journal with few windows, numbered anew.
fn shortened(journal: &str) -> String {
    let is_window = |line: &str| line.contains("\"window\":");
    let kept = journal.lines().enumerate();
    let kept = kept.filter(|(number, line)| !is_window(line) || number % SHORTER == 0);
    let numbered = kept.enumerate().map(|(seq, (_, line))| {
        let rest = line.split_once(',').map_or("", |(_, rest)| rest);
        format!("{{\"seq\":{seq},{rest}\n")
    });
    numbered.collect()
}
