//! Where a process finds the services that it calls: by the names of their roles at one port, as in
//! a network of containers, unless `SERVICES` says otherwise.

use std::collections::HashMap;

use crate::role::Role;

/// The addresses of the services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The public port of all services.
    port: u16,
    /// Services that are elsewhere: their `HOST:PORT`.
    elsewhere: HashMap<Role, String>,
}

/// What can be wrong with `SERVICES`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("SERVICES has `{0}`: use a comma list of ROLE=HOST:PORT, such as inventory=127.0.0.1:8081")]
pub(crate) struct AddressError(String);

impl Addresses {
    /// Reads a comma list of `ROLE=HOST:PORT`; roles that it leaves out are found by name at `port`.
    pub(crate) fn parse(list: &str, port: u16) -> Result<Self, AddressError> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let read = |entry: &str| {
            let (role, address) = entry.split_once('=')?;
            let (host, port) = address.rsplit_once(':')?;
            let is_address = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
            Some((Role::parse(role)?, is_address.then(|| address.to_owned())?))
        };
        let read = |entry: &str| read(entry).ok_or_else(|| AddressError(entry.to_owned()));
        Ok(Self { port, elsewhere: entries.map(read).collect::<Result<_, _>>()? })
    }

    /// Where a service is: a host, by name or by number, and a port. A name may stand for several
    /// replicas.
    pub(crate) fn of(&self, role: Role) -> String {
        let named = || format!("{}:{}", role.name(), self.port);
        self.elsewhere.get(&role).cloned().unwrap_or_else(named)
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;
    use crate::role::Role;

    #[test]
    fn services_are_found_by_name_unless_they_are_said_to_be_elsewhere() {
        let list = "payments=127.0.0.1:4001, notify=host.internal:80";
        let addresses = Addresses::parse(list, 8080).unwrap();
        assert_eq!(addresses.of(Role::Payments), "127.0.0.1:4001");
        assert_eq!(addresses.of(Role::Notify), "host.internal:80");
        assert_eq!(addresses.of(Role::Inventory), "inventory:8080");
        assert_eq!(Addresses::parse("", 80).unwrap().of(Role::Orders), "orders:80");
    }

    #[test]
    fn what_is_no_address_is_named() {
        for wrong in ["payments", "cash=a:1", "payments=a", "payments=:1", "payments=a:0"] {
            let error = Addresses::parse(&format!("notify=a:1,{wrong}"), 80).unwrap_err();
            assert!(error.to_string().starts_with(&format!("SERVICES has `{wrong}`: ")), "{error}");
        }
    }
}
