//! The folders of the images are embedded: a file that is added to one must lead to a new binary,
//! which the compiler cannot know of.

fn main() {
    println!("cargo::rerun-if-changed=../docker");
    println!("cargo::rerun-if-changed=../targets/inventory-python");
}
