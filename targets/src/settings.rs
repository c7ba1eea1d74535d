//! Configuration, taken from environment variables as container images expect it.

use std::env;

use crate::addresses::{AddressError, Addresses};
use crate::mutant::{self, Mutant, MutantError};
use crate::role::Role;
use crate::safeguard::{SafeguardError, Safeguards};

const DEFAULT_PUBLIC_PORT: u16 = 8080;
const DEFAULT_ADMIN_PORT: u16 = 9090;

/// How the services of a process work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// One process does everything.
    Monolith,
    /// The orders service calls the others in turn.
    Direct,
    /// Services talk through a message broker alone.
    Broker,
    /// A manager leads orders through services that know nothing of each other.
    Pipeline,
}

impl Wiring {
    const ALL: [(&str, Self); 4] = [
        ("monolith", Self::Monolith),
        ("direct", Self::Direct),
        ("broker", Self::Broker),
        ("pipeline", Self::Pipeline),
    ];

    fn parse(name: &str) -> Result<Self, SettingsError> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        let (_, wiring) = found.ok_or_else(|| SettingsError::Architecture(name.to_owned()))?;
        Ok(wiring)
    }

    /// Whether the architecture has a part of this role.
    fn has(self, role: Role) -> bool {
        match (self, role) {
            (Self::Monolith, role) => role == Role::App,
            (_, Role::App) => false,
            (_, Role::Orders) => self != Self::Pipeline,
            (_, Role::PipelineManager) => self == Self::Pipeline,
            _ => true,
        }
    }
}

/// What one process of the application needs to know.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Which part of the application this process is.
    pub(crate) role: Role,
    /// How it works together with the others.
    pub(crate) wiring: Wiring,
    /// Its own database.
    pub(crate) database_url: String,
    /// The message broker; empty but in the architecture that has one.
    pub(crate) amqp_url: String,
    /// Port for customers, reached through the proxy.
    pub(crate) public_port: u16,
    /// Port for operators and auditors, never behind the proxy.
    pub(crate) admin_port: u16,
    /// Where the services are that it calls.
    pub(crate) addresses: Addresses,
    /// Which protections are on.
    pub(crate) safeguards: Safeguards,
    /// Whether trouble may be made on request.
    pub(crate) chaos_switch: bool,
    /// Defects planted for an exam of the auditor.
    pub(crate) mutants: Vec<Mutant>,
}

/// What can be wrong with the environment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SettingsError {
    /// The role does not exist.
    #[error("unknown role `{0}`: use any of {known}", known = Role::ALL.map(Role::name).join(", "))]
    UnknownRole(String),
    /// The architecture does not exist.
    #[error("ARCHITECTURE is `{0}`: use monolith, direct, broker or pipeline")]
    Architecture(String),
    /// The architecture has no such part.
    #[error("ARCHITECTURE `{1}` has no role `{0}`")]
    Misplaced(&'static str, String),
    /// A variable that is needed is missing or empty.
    #[error("{0} is not set: the role needs it")]
    Missing(&'static str),
    /// A port is not a number from 1 to 65535.
    #[error("{name} is `{value}`: use a port from 1 to 65535")]
    Port {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The addresses of services cannot be read.
    #[error(transparent)]
    Addresses(#[from] AddressError),
    /// The mutants cannot be planted.
    #[error(transparent)]
    Mutants(#[from] MutantError),
    /// The safeguards cannot be read.
    #[error(transparent)]
    Safeguards(#[from] SafeguardError),
}

impl Settings {
    /// Reads the environment of this process.
    pub(crate) fn from_env(role: &str) -> Result<Self, SettingsError> {
        Self::from_lookup(role, |name| env::var(name).ok())
    }

    fn from_lookup(
        role: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        // An empty value means "not set": Compose files cannot leave a variable out.
        let value = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let role = Role::parse(role).ok_or_else(|| SettingsError::UnknownRole(role.to_owned()))?;
        let architecture = value("ARCHITECTURE").ok_or(SettingsError::Missing("ARCHITECTURE"))?;
        let wiring = Wiring::parse(&architecture)?;
        if !wiring.has(role) {
            return Err(SettingsError::Misplaced(role.name(), architecture));
        }
        let amqp_url = value("AMQP_URL");
        if wiring == Wiring::Broker && amqp_url.is_none() {
            return Err(SettingsError::Missing("AMQP_URL"));
        }
        let public_port = port("PUBLIC_PORT", value("PUBLIC_PORT"), DEFAULT_PUBLIC_PORT)?;
        let services = value("SERVICES").unwrap_or_default();
        Ok(Self {
            role,
            wiring,
            database_url: value("DATABASE_URL").ok_or(SettingsError::Missing("DATABASE_URL"))?,
            amqp_url: amqp_url.unwrap_or_default(),
            public_port,
            admin_port: port("ADMIN_PORT", value("ADMIN_PORT"), DEFAULT_ADMIN_PORT)?,
            addresses: Addresses::parse(&services, public_port)?,
            safeguards: Safeguards::parse(
                value("MODE").as_deref().unwrap_or("hardened"),
                value("SAFEGUARDS_OFF").as_deref().unwrap_or_default(),
            )?,
            chaos_switch: value("CHAOS_SWITCH").as_deref() == Some("on"),
            mutants: mutant::parse(
                value("MUTANTS").as_deref().unwrap_or_default(),
                value("CHAOS_EXAM").as_deref() == Some("on"),
            )?,
        })
    }
}

fn port(name: &'static str, value: Option<String>, default: u16) -> Result<u16, SettingsError> {
    let Some(value) = value else { return Ok(default) };
    match value.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(SettingsError::Port { name, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, SettingsError};

    fn read(role: &str, set: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let architecture = if role == "app" { "monolith" } else { "broker" };
        let set = [("ARCHITECTURE", architecture)].into_iter().chain(set.iter().copied());
        let set: std::collections::HashMap<_, _> = set.collect();
        Settings::from_lookup(role, |name| set.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn empty_values_count_as_not_set_and_defaults_hold() {
        let settings =
            read("app", &[("DATABASE_URL", "postgres://db"), ("SAFEGUARDS_OFF", "")]).unwrap();
        assert_eq!((settings.public_port, settings.admin_port), (8080, 9090));
        assert!(settings.safeguards.to_string().starts_with("IDEMPOTENCY,OUTBOX"));
    }

    #[test]
    fn every_mistake_names_its_variable() {
        let database = ("DATABASE_URL", "postgres://db");
        assert_eq!(read("shop", &[]).err(), Some(SettingsError::UnknownRole("shop".into())));
        assert_eq!(read("app", &[]).err(), Some(SettingsError::Missing("DATABASE_URL")));
        assert_eq!(read("orders", &[database]).err(), Some(SettingsError::Missing("AMQP_URL")));
        for bad in ["0", "65536", "http"] {
            let error = read("app", &[database, ("ADMIN_PORT", bad)]).err().unwrap();
            assert!(error.to_string().starts_with("ADMIN_PORT is"), "{error}");
        }
        let elsewhere = [database, ("ARCHITECTURE", "pipeline")];
        let misplaced = SettingsError::Misplaced("orders", "pipeline".into());
        assert_eq!(read("orders", &elsewhere).err(), Some(misplaced));
        assert!(read("pipeline-manager", &elsewhere).is_ok());
        let error = read("app", &[database, ("ARCHITECTURE", "serverless")]).err().unwrap();
        assert!(error.to_string().starts_with("ARCHITECTURE is `serverless`"), "{error}");
        let error = read("app", &[database, ("MUTANTS", "OVERSELL")]).err().unwrap();
        assert!(error.to_string().contains("CHAOS_EXAM is not on"), "{error}");
        let exam = [database, ("MUTANTS", "OVERSELL"), ("CHAOS_EXAM", "on")];
        assert_eq!(read("app", &exam).unwrap().mutants.len(), 1);
        let error = read("app", &[database, ("MODE", "tough")]).err().unwrap();
        assert!(error.to_string().starts_with("MODE is `tough`"), "{error}");
    }
}
