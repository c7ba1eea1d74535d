//! The folders of the images are embedded: a file that is added to one must lead to a new binary,
//! which the compiler cannot know of.

#![expect(clippy::print_stdout, reason = "this is how a build script talks to Cargo")]

fn main() {
    println!("cargo::rerun-if-changed=../docker");
}
