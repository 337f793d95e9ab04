//! The guest's side of `childproof:process@0.3`, generated from the WIT each time the crate is built.
//!
//! What the two flavours have in common is one type: that of the other flavour's bindings. So there is nothing to convert,
//! and a name that one of them lacks is a compile error here.
//!
//! As its neighbour, this module may hold `unsafe`, all of it written by `wit_bindgen::generate!`.

#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]

wit_bindgen::generate!({
    inline: r#"
        package childproof:sdk;

        world asynchronous {
            include childproof:process/imports@0.3.0;
            import wasi:clocks/monotonic-clock@0.3.0;
            import wasi:filesystem/preopens@0.3.0;
        }
    "#,
    path: "../wit/0.3",
    world: "childproof:sdk/asynchronous",
    with: {
        "childproof:process/types@0.3.0/problem": crate::bindings::childproof::process::types::Problem,
        "childproof:process/types@0.3.0/quota": crate::bindings::childproof::process::types::Quota,
        "childproof:process/types@0.3.0/error": crate::bindings::childproof::process::types::Error,
        "childproof:process/types@0.3.0/signal": crate::bindings::childproof::process::types::Signal,
        "childproof:process/types@0.3.0/limit": crate::bindings::childproof::process::types::Limit,
        "childproof:process/types@0.3.0/termination": crate::bindings::childproof::process::types::Termination,
        "childproof:process/types@0.3.0/ended-by": crate::bindings::childproof::process::types::EndedBy,
        "childproof:process/types@0.3.0/exit-status": crate::bindings::childproof::process::types::ExitStatus,
        "childproof:process/types@0.3.0/usage": crate::bindings::childproof::process::types::Usage,
        "childproof:process/types@0.3.0/communicate-options": crate::bindings::childproof::process::types::CommunicateOptions,
        "childproof:process/types@0.3.0/captured": crate::bindings::childproof::process::types::Captured,
        "childproof:process/types@0.3.0/output": crate::bindings::childproof::process::types::Output,
        "childproof:process/types@0.3.0/stopped-by": crate::bindings::childproof::process::types::StoppedBy,
        "childproof:process/types@0.3.0/stopped": crate::bindings::childproof::process::types::Stopped,
        "wasi:filesystem/types@0.3.0/path-flags": crate::bindings::wasi::filesystem::types::PathFlags,
        "wasi:filesystem/types@0.3.0/open-flags": crate::bindings::wasi::filesystem::types::OpenFlags,
        "wasi:filesystem/types@0.3.0/descriptor-flags": crate::bindings::wasi::filesystem::types::DescriptorFlags,
    },
    generate_all,
});
