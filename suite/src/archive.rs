//! The one file that carries the suite: its manifest, the components in both flavours, and what an implementer has to know.
//!
//! It is a tar archive, compressed with zstd. What is in it is named here, and nothing else may be: an archive comes from
//! somewhere, and unpacking one writes no file that its own words have named.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use tar::{Archive as Tar, Builder, EntryType, Header};

use crate::manifest::{Flavour, Manifest, ManifestError, is_name};

const MANIFEST: &str = "manifest.toml";
const README: &str = "README.md";
/// What an implementer reads, who has nothing but the archive.
const README_TEXT: &str = include_str!("../README.md");

/// The most that one file of an archive may have, in bytes.
const FILE: u64 = 32 << 20;
/// The most that all of them together may have.
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
    /// It is larger than any archive of the suite.
    #[error("it is larger than an archive of the suite can be: {0} goes beyond {1} bytes")]
    TooLarge(String, u64),
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
    /// name, a manifest that cannot be read, components that are missing, or that nobody asks for.
    pub fn read(from: impl Read) -> Result<Self, ArchiveError> {
        let mut manifest = None;
        let mut components = BTreeMap::new();
        let mut total = 0;
        let mut tar = Tar::new(zstd::stream::read::Decoder::new(from)?);
        for entry in tar.entries()? {
            let mut entry = entry?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let foreign = |why: &str| ArchiveError::Foreign(format!("{path:?}, {why}"));
            if entry.header().entry_type() != EntryType::Regular {
                return Err(foreign("which is no file"));
            }
            let mut bytes = Vec::new();
            let size = entry.by_ref().take(FILE + 1).read_to_end(&mut bytes)? as u64;
            total += size;
            if size > FILE || total > ALL {
                return Err(ArchiveError::TooLarge(path, FILE.min(ALL)));
            }
            let twice = match path.as_str() {
                README => false,
                MANIFEST => {
                    let text = String::from_utf8(bytes).map_err(|_| foreign("which is not UTF-8"))?;
                    manifest.replace(text).is_some()
                }
                _ => {
                    let name = component_name(&path).ok_or_else(|| foreign("which is no name of one"))?;
                    components.insert(name, bytes).is_some()
                }
            };
            if twice {
                return Err(foreign("which it has twice"));
            }
        }
        // The checksum is behind the end of the last entry, and what fills up the last block.
        let rest = io::copy(&mut tar.into_inner().take(FILE + 1), &mut io::sink())?;
        if rest > FILE {
            return Err(ArchiveError::TooLarge("its end".to_owned(), FILE));
        }
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
    add(README, README_TEXT.as_bytes())?;
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
