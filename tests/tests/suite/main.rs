//! The component test suite. Every guest program is run by the function of its name, once for each flavour of the
//! interface and each way to link it; a guest that has no such function does not compile.
//!
//! The functions give a guest what it needs and assert what it cannot see. The behaviours are told by the guests.

mod asynchronous;
mod communicate;
mod ends;
mod flavours;
mod guests;
mod inputs;
mod limits;
mod policy;
mod readme;
mod start;
mod stdio;
mod tools;

/// The functions of all modules, by the names of their guests.
mod rows {
    pub(crate) use crate::asynchronous::*;
    pub(crate) use crate::communicate::*;
    pub(crate) use crate::ends::*;
    pub(crate) use crate::guests::*;
    pub(crate) use crate::inputs::*;
    pub(crate) use crate::limits::*;
    pub(crate) use crate::policy::*;
    pub(crate) use crate::start::*;
    pub(crate) use crate::stdio::*;
    pub(crate) use crate::tools::*;
}

macro_rules! tests {
    ($($guest:ident { $($flavour:ident $with:ident)* })*) => {
        $(
            mod $guest {
                use childproof_tests::{Case, Flavour};

                $(
                    #[test]
                    fn $flavour() {
                        let test = concat!(stringify!($guest), "::", stringify!($flavour));
                        crate::rows::$guest(Case::new(stringify!($guest), test.to_owned(), Flavour::$with));
                    }
                )*
            }
        )*
    };
}

childproof_tests::foreach_guest!(tests);

/// A function for a guest that needs nothing but the default case, and tells itself all that there is to see.
macro_rules! succeed {
    ($($guest:ident)*) => {
        $(
            pub(crate) fn $guest(case: childproof_tests::Case) {
                case.succeeds();
            }
        )*
    };
}

use succeed;
