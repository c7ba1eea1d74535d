//! The entries of `reports/tests/fuzz` for libFuzzer. `CHAOS_FUZZ` chooses one, whose seeds are
//! first written to the folder `CHAOS_FUZZ_SEEDS`; without it their names are printed.
#![no_main]

#[path = "../../reports/tests/fuzz/entry.rs"]
mod entry;
#[path = "../../reports/tests/fuzz/seed.rs"]
mod seed;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs, process};

use entry::{ENTRIES, Entry};
use libfuzzer_sys::fuzz_target;

static ENTRY: OnceLock<Entry> = OnceLock::new();

fuzz_target!(
    init: begin(),
    |text: &[u8]| (ENTRY.get().expect("one was chosen").read)(text)
);

fn begin() {
    let Ok(name) = env::var("CHAOS_FUZZ") else {
        ENTRIES.iter().for_each(|entry| println!("{}", entry.name));
        process::exit(0);
    };
    let Some(entry) = ENTRIES.into_iter().find(|entry| entry.name == name) else {
        eprintln!("nothing is called `{name}`");
        process::exit(2);
    };
    ENTRY.get_or_init(|| entry);
    let Ok(folder) = env::var("CHAOS_FUZZ_SEEDS").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("the folder of the seeds can be made");
    for (number, text) in seed::seeds(entry.name).iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), text).expect("a seed can be written");
    }
}
