//! The stub as its parent sees it: started, told what to do, ended, and asked what it did.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::{Command, Log, Setup};
use crate::calibration::CalibrationError;

/// How long the stub may take to listen, and to write its log.
const LIMIT: Duration = Duration::from_secs(20);
/// The hidden command of this program that is the stub.
const COMMAND: &str = "truth-stub";

/// A running stub; it ends with its parent, or when this is dropped.
pub struct StubProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl StubProcess {
    /// Starts `program`, which is the harness, as a stub.
    pub async fn start(program: &Path, setup: Setup) -> Result<Self, CalibrationError> {
        let mut command = tokio::process::Command::new(program);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            CalibrationError(format!("{} cannot be started: {error}", program.display()))
        })?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(CalibrationError("the stub has no pipes".to_owned()));
        };
        let mut output = BufReader::new(output);
        write(&mut input, &setup).await?;
        let mut line = String::new();
        let told = timeout(LIMIT, output.read_line(&mut line)).await;
        let port = match told {
            Ok(Ok(_)) => line.trim().parse().ok(),
            _ => None,
        };
        let port =
            port.ok_or_else(|| CalibrationError("the stub does not tell its port".to_owned()))?;
        Ok(Self { child, input, output, port })
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Tells it what will happen.
    pub async fn tell(&mut self, command: Command) -> Result<(), CalibrationError> {
        write(&mut self.input, &command).await
    }

    /// Ends it; what it did.
    pub async fn finish(self) -> Result<Log, CalibrationError> {
        let Self { mut child, input, mut output, .. } = self;
        drop(input);
        let mut text = Vec::new();
        let read = timeout(LIMIT, output.read_to_end(&mut text)).await;
        read.map_err(|_| CalibrationError("the stub did not end".to_owned()))?
            .map_err(CalibrationError::of)?;
        timeout(LIMIT, child.wait())
            .await
            .map_err(|_| CalibrationError("the stub did not end".to_owned()))?
            .map_err(CalibrationError::of)?;
        serde_json::from_slice(&text)
            .map_err(|error| CalibrationError(format!("the log of the stub is damaged: {error}")))
    }
}

async fn write<T: Serialize>(input: &mut ChildStdin, told: &T) -> Result<(), CalibrationError> {
    let mut line = serde_json::to_vec(told).map_err(CalibrationError::of)?;
    line.push(b'\n');
    let written = input.write_all(&line).await;
    written.map_err(|error| CalibrationError(format!("the stub takes no orders: {error}")))
}
