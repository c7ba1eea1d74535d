//! Whether this machine's kernel can hand packets to a program, looked for without changing
//! anything: kernels load the module when it is asked for, so what is not loaded may still come.

use std::fs;
use std::path::Path;

/// What the module is called.
const MODULE: &str = "nfnetlink_queue";
/// There once it is loaded, for whoever may see it.
const LOADED: &str = "/proc/net/netfilter/nfnetlink_queue";

/// Why network faults cannot be injected; none if they can, or if nothing is known about it.
pub fn lacking(kernel: &str) -> Option<String> {
    lacking_in(Path::new("/lib/modules").join(kernel).as_path(), Path::new(LOADED))
}

fn lacking_in(modules: &Path, loaded: &Path) -> Option<String> {
    if loaded.exists() {
        return None;
    }
    // Both lists are there wherever modules are: without them the kernel is another machine's.
    let lists = ["modules.builtin", "modules.dep"].map(|list| modules.join(list));
    let lists = lists.map(|list| fs::read_to_string(list).ok());
    let [Some(builtin), Some(loadable)] = lists else { return None };
    let known = [builtin, loadable].iter().any(|list| list.contains(MODULE));
    (!known).then(|| format!("{} has no module {MODULE}", modules.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_that_is_known_to_have_no_queue_lacks_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (modules, loaded) = (folder.path(), folder.path().join("loaded"));
        assert_eq!(lacking_in(modules, &loaded), None, "nothing is known");
        fs::write(modules.join("modules.builtin"), "kernel/net/ipv4/tcp.ko\n").expect("written");
        fs::write(modules.join("modules.dep"), "kernel/drivers/net/veth.ko:\n").expect("written");
        let told = lacking_in(modules, &loaded).expect("it is lacking");
        assert!(told.ends_with("has no module nfnetlink_queue"), "{told}");
        let queue = "kernel/net/netfilter/nfnetlink_queue.ko:\n";
        fs::write(modules.join("modules.dep"), queue).expect("written");
        assert_eq!(lacking_in(modules, &loaded), None, "it can be loaded");
        fs::write(modules.join("modules.dep"), "").expect("written");
        fs::write(&loaded, "").expect("written");
        assert_eq!(lacking_in(modules, &loaded), None, "it is loaded");
    }
}
