//! Configuration, taken from environment variables as container images expect it.

use std::env;

use crate::role::Role;
use crate::safeguard::{SafeguardError, Safeguards};

const DEFAULT_PUBLIC_PORT: u16 = 8080;
const DEFAULT_ADMIN_PORT: u16 = 9090;

/// What one process of the application needs to know.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Which part of the application this process is.
    pub(crate) role: Role,
    /// Its own database.
    pub(crate) database_url: String,
    /// The message broker; required by every role but `app`.
    pub(crate) amqp_url: String,
    /// Port for customers, reached through the proxy.
    pub(crate) public_port: u16,
    /// Port for operators and auditors, never behind the proxy.
    pub(crate) admin_port: u16,
    /// Which protections are on.
    pub(crate) safeguards: Safeguards,
}

/// What can be wrong with the environment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SettingsError {
    /// The role does not exist.
    #[error("unknown role `{0}`: use app, orders, inventory, payments, shipping or notify")]
    UnknownRole(String),
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
        let amqp_url = value("AMQP_URL");
        if role != Role::App && amqp_url.is_none() {
            return Err(SettingsError::Missing("AMQP_URL"));
        }
        Ok(Self {
            role,
            database_url: value("DATABASE_URL").ok_or(SettingsError::Missing("DATABASE_URL"))?,
            amqp_url: amqp_url.unwrap_or_default(),
            public_port: port("PUBLIC_PORT", value("PUBLIC_PORT"), DEFAULT_PUBLIC_PORT)?,
            admin_port: port("ADMIN_PORT", value("ADMIN_PORT"), DEFAULT_ADMIN_PORT)?,
            safeguards: Safeguards::parse(
                value("MODE").as_deref().unwrap_or("hardened"),
                value("SAFEGUARDS_OFF").as_deref().unwrap_or_default(),
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
        Settings::from_lookup(role, |name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
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
        let error = read("app", &[database, ("MODE", "tough")]).err().unwrap();
        assert!(error.to_string().starts_with("MODE is `tough`"), "{error}");
    }
}
