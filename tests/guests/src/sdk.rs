//! The SDK, as the programs know it.

#[cfg(feature = "p2")]
pub use childproof::*;
#[cfg(feature = "p3")]
pub use childproof::*;

#[macro_export]
#[cfg(feature = "p2")]
macro_rules! program {
    ($guest:ident) => {
        fn main() {
            $guest();
        }
    };
}

#[cfg(feature = "p3")]
#[allow(unsafe_code, missing_docs)]
pub mod entry {
    wit_bindgen::generate!({
        inline: r#"
            package childproof:entry;
            world entry { export wasi:cli/run@0.3.0; }
            package wasi:cli@0.3.0 { interface run { run: async func() -> result; } }
        "#,
        world: "childproof:entry/entry",
        pub_export_macro: true,
        default_bindings_module: "childproof_test_guests::sdk::entry",
    });
}

#[macro_export]
#[cfg(feature = "p3")]
macro_rules! program {
    ($guest:ident) => {
        fn main() {
            panic!("this guest is for WASI 0.3");
        }

        struct Entry;
        impl $crate::sdk::entry::exports::wasi::cli::run::Guest for Entry {
            async fn run() -> Result<(), ()> {
                $guest();
                Ok(())
            }
        }
        $crate::sdk::entry::export!(Entry);
    };
}
