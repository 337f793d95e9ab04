//! How a run of a guest ended, and what it left.

use childproof_host::audit::AuditEvent;
use childproof_suite::Ended;

/// How a guest ended.
#[derive(Debug)]
pub enum End {
    /// `main` came to its end.
    Success,
    /// `main` answered an error, or the guest exited with this code.
    Exit(i32),
    /// It trapped: a panic, or the host stopped it.
    Trap(String),
}

/// What a run left.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) guest: &'static str,
    /// How the guest ended.
    pub end: End,
    /// What the guest wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What the guest wrote to its standard error.
    pub stderr: Vec<u8>,
    /// What the processes wrote to the standard output that they inherited.
    pub inherited_stdout: Vec<u8>,
    /// What the processes wrote to the standard error that they inherited.
    pub inherited_stderr: Vec<u8>,
    /// What the operator was told, in order.
    pub events: Vec<AuditEvent>,
}

impl End {
    /// In the words of the manifest.
    pub(crate) fn declared(&self) -> Ended {
        match self {
            Self::Success => Ended::Success,
            Self::Exit(code) => Ended::Exit(*code),
            Self::Trap(_) => Ended::Trap,
        }
    }
}

impl Outcome {
    /// What a person needs to see of a run that went wrong.
    pub(crate) fn report(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!(
            "guest {}: {:?}\n--- its stdout\n{}\n--- its stderr\n{}\n--- its processes' stdout\n{}\n--- its processes' \
             stderr\n{}\n--- audit\n{:#?}",
            self.guest,
            self.end,
            text(&self.stdout),
            text(&self.stderr),
            text(&self.inherited_stdout),
            text(&self.inherited_stderr),
            self.events,
        )
    }
}
