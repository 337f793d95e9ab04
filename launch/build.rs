//! Builds the program of the processes that stand by confined children (`init/main.rs`): a static one without a library, which
//! the crate carries in itself.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=init");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    println!("cargo::rustc-check-cfg=cfg(has_init)");
    let (os, arch) = (variable("CARGO_CFG_TARGET_OS"), variable("CARGO_CFG_TARGET_ARCH"));
    // Elsewhere there is no confinement, and asking for it says so.
    if os != "linux" || !["x86_64", "aarch64"].contains(&arch.as_str()) {
        return;
    }
    let init = Path::new(&variable("OUT_DIR")).join("init");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args([
            "--crate-name",
            "init",
            "--crate-type",
            "bin",
            "--edition",
            "2024",
            "--target",
            &variable("TARGET"),
        ])
        .args([
            "-C",
            "opt-level=s",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
            "-C",
            "relocation-model=static",
        ])
        .args(["-C", "target-feature=+crt-static"])
        .args([
            "-C",
            "link-args=-nostartfiles -nostdlib -static -no-pie -Wl,--build-id=none",
        ])
        .arg("-o")
        .arg(&init)
        .arg("init/main.rs");
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    let built = rustc.status().is_ok_and(|status| status.success());
    if !built {
        println!(
            "cargo::error=the program that stands by confined children, launch/init/main.rs, does not build: see above"
        );
        return;
    }
    println!("cargo::rustc-env=CHILDPROOF_INIT={}", init.display());
    println!("cargo::rustc-cfg=has_init");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
