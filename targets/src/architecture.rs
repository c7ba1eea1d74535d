//! The built-in architectures: each is a Compose file that says how its roles are wired together.

/// One built-in target.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// The name it is chosen by, for example `broker`.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// The text of its Compose file, with an `x-chaos` section.
    pub compose: &'static str,
}

/// Every built-in architecture, in the order in which reports show them.
pub const CATALOGUE: &[Architecture] = &[
    Architecture {
        name: "monolith",
        title: "Monolith with one database and one transaction per order",
        compose: include_str!("../monolith/compose.yaml"),
    },
    Architecture {
        name: "direct",
        title: "Microservices that call each other",
        compose: include_str!("../direct/compose.yaml"),
    },
    Architecture {
        name: "broker",
        title: "Microservices over a message broker",
        compose: include_str!("../broker/compose.yaml"),
    },
    Architecture {
        name: "pipeline",
        title: "Microservices behind a pipeline manager",
        compose: include_str!("../pipeline/compose.yaml"),
    },
];

#[cfg(test)]
mod tests {
    use super::CATALOGUE;

    #[test]
    fn names_are_unique_and_every_title_stands_in_its_compose_file() {
        for (position, architecture) in CATALOGUE.iter().enumerate() {
            let later = &CATALOGUE[position + 1..];
            assert!(later.iter().all(|other| other.name != architecture.name));
            let line = format!("  title: {}\n", architecture.title);
            assert!(architecture.compose.contains(&line), "{} lacks {line}", architecture.name);
        }
    }
}
