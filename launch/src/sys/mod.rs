//! What differs between platforms. Each module offers the same items: `spawn`, `Child`, `Identity`, `open_program` and
//! `is_executable`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::*;
