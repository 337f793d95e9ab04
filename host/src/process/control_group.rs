//! Limits for the whole tree of a process, where the system lets this host set such.

use std::sync::OnceLock;

use childproof_launch::{ControlGroup, ControlGroups, TreeLimits};

use crate::error::Error;
use crate::policy::Limits;

/// A control group with the limits of a process on memory and on processes. None where there are no such limits, or the system
/// gives no place for control groups: then the limits are those of each process by itself.
pub(crate) fn for_limits(limits: &Limits) -> Result<Option<ControlGroup>, Error> {
    static PLACE: OnceLock<Option<ControlGroups>> = OnceLock::new();
    let tree = TreeLimits {
        memory: limits.memory,
        processes: limits.processes,
    };
    if tree == TreeLimits::default() {
        return Ok(None);
    }
    let place = PLACE.get_or_init(|| match ControlGroups::find() {
        Ok(place) => Some(place),
        Err(missing) => {
            tracing::info!(%missing, "limits on memory and processes hold for each process by itself");
            None
        }
    });
    let Some(place) = place else { return Ok(None) };
    let group = place.create(tree);
    group
        .map(Some)
        .map_err(|error| Error::Other(format!("limit the memory and the processes: {error}")))
}
