use childproof::Command;

fn main() -> std::io::Result<()> {
    let output = Command::new("uname").arg("-sr").output()?;
    print!("this machine runs {}", String::from_utf8_lossy(&output.stdout));

    if let Err(refusal) = Command::new("uname").arg("-n").output() {
        println!("its name is none of my business: {refusal}");
    }
    Ok(())
}
