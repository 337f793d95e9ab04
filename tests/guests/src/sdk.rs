//! The SDK as the programs know it, which are written as if every call waited.

#[cfg(feature = "p3")]
mod blocking;

#[cfg(feature = "p3")]
pub use blocking::*;
#[cfg(feature = "p2")]
pub use childproof::*;

/// Makes a function the program of a guest.
#[cfg(feature = "p2")]
#[macro_export]
macro_rules! program {
    ($guest:ident) => {
        fn main() {
            $guest();
        }
    };
}

/// Makes a function the program of a guest.
#[cfg(feature = "p3")]
#[macro_export]
macro_rules! program {
    ($guest:ident) => {
        childproof::main!(program);

        async fn program() {
            $guest();
        }
    };
}
