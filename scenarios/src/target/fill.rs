//! Fills in the variables of a component, at the last moment, when its containers are made.

use std::collections::BTreeMap;

use super::{Component, Endpoint, InterpolationError, interpolate};

type Filled<T> = Result<T, InterpolationError>;

impl Component {
    /// The component with every variable in its texts filled in (see [`interpolate`]).
    pub fn filled_in(&self, variables: &BTreeMap<String, String>) -> Filled<Self> {
        let one = |text: &String| interpolate(text, variables);
        let list = |texts: &Vec<String>| texts.iter().map(one).collect::<Filled<Vec<_>>>();
        let environment = self.environment.iter();
        Ok(Self {
            image: one(&self.image)?,
            entrypoint: self.entrypoint.as_ref().map(list).transpose()?,
            command: self.command.as_ref().map(list).transpose()?,
            environment: environment
                .map(|(name, value)| Ok((name.clone(), one(value)?)))
                .collect::<Filled<_>>()?,
            tmpfs: list(&self.tmpfs)?,
            hostname: self.hostname.as_ref().map(one).transpose()?,
            user: self.user.as_ref().map(one).transpose()?,
            working_dir: self.working_dir.as_ref().map(one).transpose()?,
            ready: self.ready.as_ref().map(|ready| ready.filled_in(variables)).transpose()?,
            ..self.clone()
        })
    }
}

impl Endpoint {
    /// The endpoint with every variable in its credentials filled in (see [`interpolate`]).
    pub fn filled_in(&self, variables: &BTreeMap<String, String>) -> Filled<Self> {
        let one = |text: &String| interpolate(text, variables);
        let credentials = self.credentials.as_ref().map(one).transpose()?;
        Ok(Self { credentials, ..self.clone() })
    }
}
