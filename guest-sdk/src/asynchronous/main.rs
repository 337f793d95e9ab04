//! The program of an asynchronous guest.

use std::process::{ExitCode, Termination};

/// The export of a command of WASI 0.3, generated.
#[doc(hidden)]
#[allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]
pub mod exported {
    wit_bindgen::generate!({
        inline: r#"
            package childproof:command;

            world command {
                export wasi:cli/run@0.3.0;
            }
        "#,
        path: "../wit/0.3",
        world: "childproof:command/command",
        pub_export_macro: true,
        export_macro_name: "export_command",
        default_bindings_module: "childproof::asynchronous::exported",
    });
}

/// What the host is told of what a program's main function returned, which is reported as std does.
#[doc(hidden)]
#[expect(clippy::result_unit_err, reason = "what `wasi:cli/run` answers")]
pub fn report(returned: impl Termination) -> Result<(), ()> {
    if returned.report() == ExitCode::SUCCESS {
        Ok(())
    } else {
        Err(())
    }
}

/// Makes an `async fn` the program's main function: `#[tokio::main]` for a guest.
///
/// The component exports `wasi:cli/run@0.3` and so is for a host of WASI 0.3, such as the command `childproof run`. What the
/// function may return is what `main` may. There is no runtime to set up: the host is the one that waits.
///
/// ```no_run
/// use childproof::asynchronous::Command;
///
/// childproof::main!(run);
///
/// async fn run() -> std::io::Result<()> {
///     let status = Command::new("true").status().await?;
///     println!("true ended with {status}");
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! main {
    ($main:path) => {
        struct ChildproofMain;

        impl $crate::asynchronous::exported::exports::wasi::cli::run::Guest for ChildproofMain {
            async fn run() -> ::core::result::Result<(), ()> {
                $crate::asynchronous::report($main().await)
            }
        }

        $crate::asynchronous::exported::export_command!(ChildproofMain with_types_in $crate::asynchronous::exported);

        fn main() {
            eprintln!("this program is for a host of WASI 0.3, which calls wasi:cli/run@0.3");
            ::std::process::exit(1);
        }
    };
}
