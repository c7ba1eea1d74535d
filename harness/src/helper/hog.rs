//! Uses up processors or memory of the container that this runs in. It ends when its standard input
//! does, which Docker closes when the harness dies, and by its own timer in any case.

use std::fs;
use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Failure, LIMIT, watch_input};
use crate::terminal;

/// Memory is taken in such pieces, with a pause so that the harness can end it at any time.
const PIECE: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(1);
/// A page that was written to is really there.
const PAGE: usize = 4096;
/// How often what the container uses is looked at while memory is kept.
const LOOK: Duration = Duration::from_millis(50);
/// Where control groups tell the use of memory, versions 2 and 1.
const IN_USE: [&str; 2] =
    ["/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"];

/// Keeps threads busy.
pub(super) fn cpu(threads: u32) -> String {
    let end = watch_input();
    for _ in 0..threads {
        thread::spawn(|| {
            let mut number = 0_u64;
            loop {
                number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
        });
    }
    terminal::result(&format!("{threads} threads are busy"));
    // Ended or timed out: both are the end, and the threads end with the process.
    let _ = end.recv_timeout(LIMIT);
    "ended".to_owned()
}

/// Takes memory until the container uses `until` bytes, and makes up for what others give back.
pub(super) fn memory(until: u64) -> Result<String, Failure> {
    in_use().map_err(|said| Failure { exit_code: 1, said })?;
    let end = watch_input();
    let began = Instant::now();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    terminal::result(&format!("taking memory up to {until} bytes"));
    while began.elapsed() < LIMIT {
        let short = in_use().is_ok_and(|used| used < until);
        if short {
            pieces.push(piece());
        }
        match end.recv_timeout(if short { PAUSE } else { LOOK }) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => break,
        }
    }
    Ok(format!("gave {} MiB back", pieces.len() * PIECE / (1 << 20)))
}

fn piece() -> Vec<u8> {
    let mut piece = vec![0; PIECE];
    for page in piece.chunks_mut(PAGE) {
        page[0] = 1;
    }
    black_box(piece)
}

/// What the container uses, bytes.
fn in_use() -> Result<u64, String> {
    let read = IN_USE.iter().find_map(|path| fs::read_to_string(path).ok());
    let text = read.ok_or("the control group of memory is not told here")?;
    text.trim().parse().map_err(|_| format!("`{}` is no amount of memory", text.trim()))
}
