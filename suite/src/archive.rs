//! The one file that carries the suite: its manifest, the components in both flavours, and what an implementer has to know.
//!
//! It is a tar archive, compressed with zstd. What is in it is named here, and nothing else may be: an archive comes from
//! somewhere, and unpacking one writes no file that its own words have named.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use tar::{Archive as Tar, Builder, EntryType, Header};

use crate::manifest::{Flavour, Manifest, ManifestError, is_name};

const MANIFEST: &str = "manifest.toml";

/// A file of the archive that is for people: its path there, which is also that of its source.
macro_rules! document {
    ($path:literal) => {
        ($path, include_str!(concat!("../../", $path)))
    };
}

/// What an implementer reads, who has nothing but the archive: what to do, and the interface with all that it refers to.
const DOCUMENTS: [(&str, &str); 13] = [
    ("README.md", include_str!("../README.md")),
    document!("wit/0.2/world.wit"),
    document!("wit/0.2/types.wit"),
    document!("wit/0.2/deps/clocks.wit"),
    document!("wit/0.2/deps/filesystem.wit"),
    document!("wit/0.2/deps/io.wit"),
    document!("wit/0.3/world.wit"),
    document!("wit/0.3/types.wit"),
    document!("wit/0.3/deps/cli.wit"),
    document!("wit/0.3/deps/clocks.wit"),
    document!("wit/0.3/deps/filesystem.wit"),
    document!("wit/0.3/deps/random.wit"),
    document!("wit/0.3/deps/sockets.wit"),
];

/// The most that one file of an archive may have, in bytes.
const FILE: u64 = 32 << 20;
/// The most that an archive may have when it is decompressed, whatever in it that is.
const ALL: u64 = 512 << 20;
/// How hard the compressor tries: the components have most of their code in common, which takes a long view to see.
const LEVEL: i32 = 12;

/// A component: the flavour it is built for, and the name of the guest.
pub type Name = (Flavour, String);

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no archive, it is damaged, or it cannot be read.
    #[error("it is no archive of the suite, or it is damaged: {0}")]
    Damaged(io::Error),
    /// It has an entry that an archive of the suite has not.
    #[error("it has an entry that an archive of the suite has not: {0}")]
    Foreign(String),
    /// It has a file that is larger than any of an archive of the suite.
    #[error("it is larger than an archive of the suite can be: {0} goes beyond {FILE} bytes")]
    FileTooLarge(String),
    /// It is larger than any archive of the suite.
    #[error("it is larger than an archive of the suite can be: decompressed, it goes beyond {ALL} bytes")]
    TooLarge,
    /// It has no manifest.
    #[error("it has no {MANIFEST}, so it is no archive of the suite")]
    NoManifest,
    /// Its manifest cannot be used.
    #[error("{MANIFEST}:{0}")]
    Manifest(ManifestError),
    /// Its manifest names a guest that it has no component of.
    #[error("it has no {0}, which its manifest asks for")]
    NoComponent(String),
    /// It has a component that its manifest does not name.
    #[error("it has {0}, which its manifest says nothing of")]
    Unnamed(String),
}

// Written by hand, for each error already says what it is made from.
impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

impl From<ManifestError> for ArchiveError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(error)
    }
}

/// An archive, read and checked as a whole.
#[derive(Debug)]
pub struct Archive {
    /// What it says of the guests.
    pub manifest: Manifest,
    components: BTreeMap<Name, Vec<u8>>,
}

impl Archive {
    /// Reads an archive.
    ///
    /// # Errors
    ///
    /// When it is anything but what [`pack`] makes: entries that are links, directories or have other names, two of the same
    /// name, a manifest that cannot be read, components that are missing, or that nobody asks for, and more than any archive
    /// has. Only what it has for people may be missing.
    pub fn read(from: impl Read) -> Result<Self, ArchiveError> {
        // Nothing beyond the limit is decompressed, whatever stands in the headers.
        let mut tar = Tar::new(zstd::stream::read::Decoder::new(from)?.take(ALL));
        let read = read_files(&mut tar);
        let mut rest = tar.into_inner();
        // The checksum is behind the end of the last entry, and what fills up the last block.
        let read = read.and_then(|files| {
            io::copy(&mut rest, &mut io::sink())?;
            Ok(files)
        });
        if rest.limit() == 0 {
            return Err(ArchiveError::TooLarge);
        }
        let Files { manifest, components } = read?;
        let manifest = Manifest::from_toml(&manifest.ok_or(ArchiveError::NoManifest)?)?;
        let wanted = components_of(&manifest);
        if let Some(missing) = wanted.iter().find(|name| !components.contains_key(*name)) {
            return Err(ArchiveError::NoComponent(component_path(missing)));
        }
        if let Some(unnamed) = components.keys().find(|name| !wanted.contains(name)) {
            return Err(ArchiveError::Unnamed(component_path(unnamed)));
        }
        Ok(Self { manifest, components })
    }

    /// All its components.
    pub fn components(&self) -> impl Iterator<Item = (Flavour, &str, &[u8])> {
        let components = self.components.iter();
        components.map(|((flavour, guest), bytes)| (*flavour, guest.as_str(), bytes.as_slice()))
    }
}

/// What an archive has, before it is checked as a whole.
#[derive(Default)]
struct Files {
    manifest: Option<String>,
    components: BTreeMap<Name, Vec<u8>>,
}

fn read_files(tar: &mut Tar<impl Read>) -> Result<Files, ArchiveError> {
    let mut files = Files::default();
    let mut documents = BTreeSet::new();
    // Raw: an entry that would give another one a longer name, or another size, is a foreign one and is not read.
    for entry in tar.entries()?.raw(true) {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let foreign = |why: &str| ArchiveError::Foreign(format!("{path:?}, {why}"));
        if entry.header().entry_type() != EntryType::Regular {
            return Err(foreign("which is no file"));
        }
        let mut bytes = Vec::new();
        if entry.by_ref().take(FILE + 1).read_to_end(&mut bytes)? as u64 > FILE {
            return Err(ArchiveError::FileTooLarge(path));
        }
        let twice = if path == MANIFEST {
            let text = String::from_utf8(bytes).map_err(|_| foreign("which is not UTF-8"))?;
            files.manifest.replace(text).is_some()
        } else if let Some((document, _)) = DOCUMENTS.iter().find(|(document, _)| *document == path) {
            !documents.insert(*document)
        } else {
            let name = component_name(&path).ok_or_else(|| foreign("which is no name of one"))?;
            files.components.insert(name, bytes).is_some()
        };
        if twice {
            return Err(foreign("which it has twice"));
        }
    }
    Ok(files)
}

/// Writes an archive: of the manifest whose text is `manifest`, with the components that `component` answers. The same input
/// makes the same bytes.
///
/// # Errors
///
/// When the manifest cannot be read, a component cannot be had, or the archive cannot be written.
pub fn pack(
    manifest: &str,
    mut component: impl FnMut(Flavour, &str) -> io::Result<Vec<u8>>,
    to: impl Write,
) -> Result<(), ArchiveError> {
    let parsed = Manifest::from_toml(manifest)?;
    let mut encoder = zstd::stream::write::Encoder::new(to, LEVEL)?;
    encoder.long_distance_matching(true)?;
    encoder.include_checksum(true)?;
    let mut tar = Builder::new(encoder);
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, path, bytes)
    };
    for (path, text) in DOCUMENTS {
        add(path, text.as_bytes())?;
    }
    add(MANIFEST, manifest.as_bytes())?;
    for name in components_of(&parsed) {
        add(&component_path(&name), &component(name.0, &name.1)?)?;
    }
    tar.into_inner()?.finish()?.flush()?;
    Ok(())
}

/// The components that an archive with this manifest has, in their order.
fn components_of(manifest: &Manifest) -> Vec<Name> {
    let guests = manifest.guests.iter().filter(|(_, guest)| guest.host_only.is_none());
    let mut names: Vec<Name> = guests
        .flat_map(|(name, guest)| guest.flavours().map(|flavour| (flavour, name.clone())))
        .collect();
    names.sort();
    names
}

fn component_path((flavour, guest): &Name) -> String {
    format!("{}/{guest}.wasm", flavour.directory())
}

fn component_name(path: &str) -> Option<Name> {
    let (directory, file) = path.split_once('/')?;
    let flavour = Flavour::ALL
        .into_iter()
        .find(|flavour| flavour.directory() == directory)?;
    let guest = file.strip_suffix(".wasm").filter(|guest| is_name(guest))?;
    Some((flavour, guest.to_owned()))
}
