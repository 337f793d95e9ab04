//! The guest's side of `childproof:process`, generated from the WIT each time the crate is built.
//!
//! This is the one module that may hold `unsafe`: lifting and lowering values across the component boundary is nothing
//! else. All of it is written by `wit_bindgen::generate!`; nothing by hand belongs here.

#![allow(unsafe_code, missing_docs, unreachable_pub, dead_code)]

wit_bindgen::generate!({
    inline: r#"
        package childproof:sdk;

        world sdk {
            include childproof:process/imports@0.2.0;
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:io/poll@0.2.12;
        }
    "#,
    path: "../wit/0.2",
    world: "childproof:sdk/sdk",
    generate_all,
    additional_derives: [PartialEq, Eq, Hash],
    additional_derives_ignore: [
        "communicate-options",
        "file-stream",
        "stdin-source",
        "stdout-target",
        "stderr-target",
        "stream-error",
        "descriptor-stat",
        "new-timestamp",
        "datetime",
    ],
});
