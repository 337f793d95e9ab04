//! What there is to build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::sample;

/// Where all that is built goes, in the project's directory.
pub(crate) const BUILD: &str = "build";

/// A directory with C files.
pub(crate) struct Project {
    /// The directory, where gcc works.
    pub directory: PathBuf,
    /// The C files in and below it, in order: paths from there.
    pub sources: Vec<String>,
}

impl Project {
    /// Finds the C files in and below a directory. If there are none, the sample project is written there, with an error in
    /// the file `broken`.
    pub(crate) fn open(directory: &Path, broken: Option<&str>) -> Result<Project> {
        let mut sources = find(directory)?;
        match (sources.is_empty(), broken) {
            (true, broken) => {
                write_sample(directory, broken)?;
                sources = find(directory)?;
            }
            (false, Some(broken)) => bail!(
                "{broken} is not broken, because {} holds files that are not of the sample project",
                directory.display()
            ),
            (false, None) => {}
        }
        Ok(Project {
            directory: directory.to_owned(),
            sources,
        })
    }
}

fn find(directory: &Path) -> Result<Vec<String>> {
    let mut sources = Vec::new();
    let mut unread = vec![String::new()];
    while let Some(path) = unread.pop() {
        let here = directory.join(&path);
        let cannot_read = || format!("cannot read {}", here.display());
        for entry in fs::read_dir(&here).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let Ok(name) = entry.file_name().into_string() else {
                bail!("{} holds a name that is not UTF-8", here.display());
            };
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}/{name}")
            };
            // A symbolic link is neither, so that nothing is found twice.
            let kind = entry.file_type().with_context(cannot_read)?;
            if kind.is_dir() && inner != BUILD && !name.starts_with('.') {
                unread.push(inner);
            } else if kind.is_file() && name.ends_with(".c") {
                sources.push(inner);
            }
        }
    }
    sources.sort();
    Ok(sources)
}

fn write_sample(directory: &Path, broken: Option<&str>) -> Result<()> {
    let mut files = sample::files();
    if let Some(broken) = broken {
        let file = files.iter_mut().find(|file| file.path == broken);
        let file = file.with_context(|| format!("the sample project has no {broken}, but src/main.c, for example"))?;
        file.text.push_str("int broken = ;\n");
    }
    for file in &files {
        let path = directory.join(&file.path);
        make_parent(&path)?;
        fs::write(&path, &file.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Makes the directory that a file is to be in.
pub(crate) fn make_parent(file: &Path) -> Result<()> {
    let parent = file
        .parent()
        .with_context(|| format!("{} is in no directory", file.display()))?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}
