use childproof::asynchronous::Command;

childproof::main!(ask);

async fn ask() -> std::io::Result<()> {
    let uname = async |question| -> std::io::Result<String> {
        let output = Command::new("uname").arg(question).output().await?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    };
    // Three processes, at the same time.
    let (system, release, machine) = futures::try_join!(uname("-s"), uname("-r"), uname("-m"))?;
    println!("this machine is {machine} and runs {system} {release}");
    Ok(())
}
