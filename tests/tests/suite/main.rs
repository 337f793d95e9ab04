//! The component test suite. Every guest program is run once for each flavour of the interface and each way to link it, as
//! `suite.toml` says. Where that says that more is asserted, or that only this host can be asked, the guest is run by the
//! function of its name; a guest whose function is missing does not compile.
//!
//! The functions do what the manifest cannot say, and assert what a guest cannot see. The behaviours are told by the guests.

mod asynchronous;
mod ends;
mod flavours;
mod guests;
mod inputs;
mod manifest;
mod policy;
mod readme;
mod start;

/// The functions of all modules, by the names of their guests.
mod rows {
    pub(crate) use crate::asynchronous::*;
    pub(crate) use crate::ends::*;
    pub(crate) use crate::guests::*;
    pub(crate) use crate::inputs::*;
    pub(crate) use crate::policy::*;
    pub(crate) use crate::start::*;
}

/// What runs a guest: its function, or what the manifest says and nothing else.
macro_rules! run {
    (function $guest:ident $case:expr) => {
        crate::rows::$guest($case)
    };
    (manifest $guest:ident $case:expr) => {
        $case.run_as_declared()
    };
}

macro_rules! tests {
    ($($guest:ident by $runner:ident { $($flavour:ident $with:ident)* })*) => {
        $(
            mod $guest {
                use childproof_tests::{Case, Flavour};

                $(
                    #[test]
                    fn $flavour() {
                        let test = concat!(stringify!($guest), "::", stringify!($flavour));
                        let case = Case::new(stringify!($guest), test.to_owned(), Flavour::$with);
                        crate::run!($runner $guest case);
                    }
                )*
            }
        )*
    };
}

childproof_tests::foreach_guest!(tests);

use run;
