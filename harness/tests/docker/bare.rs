//! Faults that act inside a container, on an image that has nothing to help them: no shell, no libc,
//! no folder, one program of a few bytes.

use std::io::Write;
use std::process::{Command, Stdio};

use chaos_harness::port::Runtime;
use chaos_scenarios::target::Component;

use crate::faults::{heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, plan, target_of};

/// The image of this test alone.
const IMAGE: &str = "chaos-test/bare";

/// A program that waits for signals: an ELF header, one segment, three instructions.
#[cfg(target_arch = "x86_64")]
fn program() -> Vec<u8> {
    /// `pause` in a loop.
    const CODE: [u8; 9] = [0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7];
    const MACHINE: u16 = 62;
    elf(&CODE, MACHINE)
}

#[cfg(target_arch = "aarch64")]
fn program() -> Vec<u8> {
    /// `ppoll` without anything to wait for, in a loop.
    const CODE: [u8; 28] = [
        0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80,
        0xd2, 0x28, 0x09, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
    ];
    const MACHINE: u16 = 183;
    elf(&CODE, MACHINE)
}

fn elf(code: &[u8], machine: u16) -> Vec<u8> {
    const ADDRESS: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let length = HEADERS + code.len() as u64;
    let two = |file: &mut Vec<u8>, number: u16| file.extend(number.to_le_bytes());
    let four = |file: &mut Vec<u8>, number: u32| file.extend(number.to_le_bytes());
    let eight = |file: &mut Vec<u8>, number: u64| file.extend(number.to_le_bytes());
    two(&mut file, 2);
    two(&mut file, machine);
    four(&mut file, 1);
    for number in [ADDRESS + HEADERS, 64, 0] {
        eight(&mut file, number);
    }
    four(&mut file, 0);
    for number in [64, 56, 1, 0, 0, 0] {
        two(&mut file, number);
    }
    // One segment to load, to be read and executed.
    four(&mut file, 1);
    four(&mut file, 5);
    for number in [0, ADDRESS, ADDRESS, length, length, 0x1000] {
        eight(&mut file, number);
    }
    file.extend(code);
    file
}

/// Makes the image of one file.
fn make_image() {
    let program = program();
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "wait", program.as_slice()).expect("in memory");
    let archive = archive.into_inner().expect("in memory");
    let mut import = Command::new("docker")
        .args(["import", "-", IMAGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("docker");
    import.stdin.take().expect("piped").write_all(&archive).expect("it is taken");
    assert!(import.wait().expect("docker").success());
}

/// A component of that image.
fn bare(init: bool, user: Option<&str>) -> Component {
    let user = user.map(str::to_owned);
    Component { image: IMAGE.to_owned(), init, user, ..component("bare", &["/wait"]) }
}

/// Injects faults into such a component and undoes them.
async fn bears(bare: Component, faults: &[&str]) {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut plan = plan(target_of(vec![bare]));
    plan.timeline = faults.iter().map(|written| planned(&plan, written)).collect();
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    for fault in &plan.timeline {
        eprintln!("{}", fault.title);
        inject(&standing, &fault.injection).await;
        heal(&standing, &fault.injection).await;
    }
    standing.end().await;
}

const HOGS: [&str; 2] = ["cpu-hog: {name: bare}", "memory-hog: {name: bare, fill: 80%}"];

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_anything_bears_all_that_acts_inside() {
    make_own_image().await;
    make_image();
    let faults = [HOGS[0], HOGS[1], "crash: {name: bare}"];
    // Somebody without rights on a file system that cannot be written; and root.
    bears(bare(true, Some("65534:65534")), &faults).await;
    bears(bare(true, None), &faults).await;
}

/// What cannot be done without an init is refused when it is planned; the rest can be done.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_init_hogs_act_all_the_same() {
    make_own_image().await;
    make_image();
    bears(bare(false, Some("65534:65534")), &HOGS).await;
}
