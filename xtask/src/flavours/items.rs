//! A package of WIT as a tree of items: what each is called, how it is declared, and what its documentation says.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use wit_parser::{
    AccessorKind, Docs, Function, FunctionKind, Handle, Interface, InterfaceId, PackageId, Resolve, Span, Stability,
    Type, TypeDef, TypeDefKind, TypeId, TypeOwner, World, WorldItem, WorldKey,
};

/// A package, a world, an interface, or what one of them declares.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    /// What it is called in the list of differences: `process.wait`.
    pub(super) name: String,
    /// How it is declared, its members left out: WIT on one line, in which the versions of packages are left out.
    pub(super) signature: String,
    /// Its documentation.
    pub(super) sentences: Vec<String>,
    /// Cases, fields, functions, types: in the order of their declaration.
    pub(super) members: Vec<Item>,
}

/// The package in `directory`, whose dependencies are in its `deps`.
///
/// # Errors
///
/// When it is no package of WIT that resolves, or two of its items have one name.
pub(super) fn read(directory: &Path) -> Result<Item> {
    let (resolve, package) = crate::package::parse(directory)?;
    let package = of_package(&resolve, package)?;
    let mut names = BTreeSet::new();
    unique(&package, &mut names).with_context(|| format!("in {}", directory.display()))?;
    Ok(package)
}

/// An interface and the items in it are not told apart by what they are in, so no two may be called the same.
fn unique<'a>(item: &'a Item, names: &mut BTreeSet<&'a str>) -> Result<()> {
    ensure!(names.insert(&item.name), "two items are called {}", item.name);
    item.members.iter().try_for_each(|member| unique(member, names))
}

fn of_package(resolve: &Resolve, id: PackageId) -> Result<Item> {
    let package = &resolve.packages[id];
    let mut members = Vec::new();
    for world in package.worlds.values() {
        members.push(of_world(resolve, &resolve.worlds[*world])?);
    }
    for (name, interface) in &package.interfaces {
        members.push(of_interface(resolve, name, &resolve.interfaces[*interface])?);
    }
    Ok(Item {
        name: "package".to_owned(),
        signature: format!("package {}:{}", package.name.namespace, package.name.name),
        sentences: sentences(&package.docs),
        members,
    })
}

fn of_world(resolve: &Resolve, world: &World) -> Result<Item> {
    let title = format!("world {}", world.name);
    // What an import needs is an import of its own once a package is resolved. Nobody wrote that.
    let implied: BTreeSet<InterfaceId> = world
        .imports
        .values()
        .chain(world.exports.values())
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        })
        .flat_map(|id| resolve.interface_direct_deps(id))
        .collect();
    let mut members = Vec::new();
    for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
        for (key, item) in items {
            match item {
                WorldItem::Interface { id, docs, .. } if !implied.contains(id) => {
                    let name = match key {
                        WorldKey::Name(name) => name.clone(),
                        WorldKey::Interface(id) => path(resolve, *id, world.package)?,
                    };
                    members.push(Item {
                        name: format!("{title}.{name}"),
                        signature: format!("{}{direction} {name}", gate(item.stability(resolve))),
                        sentences: sentences(docs),
                        members: Vec::new(),
                    });
                }
                WorldItem::Interface { .. } => {}
                WorldItem::Function(function) => {
                    let mut item = of_function(resolve, &title, function)?;
                    item.signature.insert_str(0, &format!("{direction} "));
                    members.push(item);
                }
                WorldItem::Type { id, .. } => members.push(of_type(resolve, &resolve.types[*id], &[])?),
            }
        }
    }
    Ok(Item {
        signature: format!("{}{title}", gate(&world.stability)),
        name: title,
        sentences: sentences(&world.docs),
        members,
    })
}

fn of_interface(resolve: &Resolve, name: &str, interface: &Interface) -> Result<Item> {
    let functions: Vec<&Function> = interface.functions.values().collect();
    let mut members: Vec<(Span, Item)> = Vec::new();
    for id in interface.types.values() {
        let definition = &resolve.types[*id];
        let methods = functions
            .iter()
            .filter(|function| function.kind.resource() == Some(*id));
        members.push((
            definition.span,
            of_type(resolve, definition, &methods.copied().collect::<Vec<_>>())?,
        ));
    }
    for function in functions.iter().filter(|function| function.kind.resource().is_none()) {
        members.push((function.span, of_function(resolve, name, function)?));
    }
    // The parser sorts types by what they need.
    members.sort_by_key(|(span, _)| span.is_known().then(|| span.start()));
    let title = format!("interface {name}");
    Ok(Item {
        signature: format!("{}{title}", gate(&interface.stability)),
        name: title,
        sentences: sentences(&interface.docs),
        members: members.into_iter().map(|(_, item)| item).collect(),
    })
}

/// A type, with the functions that it has if it is a resource.
fn of_type(resolve: &Resolve, definition: &TypeDef, functions: &[&Function]) -> Result<Item> {
    let name = definition.name.as_deref().context("a declared type has a name")?;
    let member = |member: &str, ty: Option<String>, docs: &Docs| Item {
        name: format!("{name}.{member}"),
        signature: format!("{member}{}", ty.unwrap_or_default()),
        sentences: sentences(docs),
        members: Vec::new(),
    };
    let mut members = Vec::new();
    let declaration = match &definition.kind {
        TypeDefKind::Record(record) => {
            for field in &record.fields {
                let ty = format!(": {}", of_use(resolve, &field.ty)?);
                members.push(member(&field.name, Some(ty), &field.docs));
            }
            format!("record {name}")
        }
        TypeDefKind::Variant(variant) => {
            for case in &variant.cases {
                let payload = case.ty.as_ref().map(|ty| of_use(resolve, ty)).transpose()?;
                members.push(member(&case.name, payload.map(|ty| format!("({ty})")), &case.docs));
            }
            format!("variant {name}")
        }
        TypeDefKind::Enum(cases) => {
            members.extend(cases.cases.iter().map(|case| member(&case.name, None, &case.docs)));
            format!("enum {name}")
        }
        TypeDefKind::Flags(flags) => {
            members.extend(flags.flags.iter().map(|flag| member(&flag.name, None, &flag.docs)));
            format!("flags {name}")
        }
        TypeDefKind::Resource => {
            for function in functions {
                members.push(of_function(resolve, name, function)?);
            }
            format!("resource {name}")
        }
        kind => match imported(resolve, definition, kind)? {
            Some(import) => import,
            None => format!("type {name} = {}", of_kind(resolve, kind)?),
        },
    };
    Ok(Item {
        name: name.to_owned(),
        signature: gate(&definition.stability) + &declaration,
        sentences: sentences(&definition.docs),
        members,
    })
}

/// The `use` that a type is from, if it is from one.
fn imported(resolve: &Resolve, definition: &TypeDef, kind: &TypeDefKind) -> Result<Option<String>> {
    let TypeDefKind::Type(Type::Id(original)) = kind else {
        return Ok(None);
    };
    let original = &resolve.types[*original];
    let package = match definition.owner {
        TypeOwner::Interface(id) => resolve.interfaces[id].package,
        TypeOwner::World(id) => resolve.worlds[id].package,
        TypeOwner::None => None,
    };
    let (TypeOwner::Interface(from), true) = (original.owner, original.owner != definition.owner) else {
        return Ok(None);
    };
    let from = path(resolve, from, package)?;
    let (theirs, ours) = (original.name.as_deref(), definition.name.as_deref());
    let (theirs, ours) = theirs.zip(ours).context("a type in use has a name")?;
    Ok(Some(if theirs == ours {
        format!("use {from}.{{{theirs}}}")
    } else {
        format!("use {from}.{{{theirs} as {ours}}}")
    }))
}

fn of_function(resolve: &Resolve, owner: &str, function: &Function) -> Result<Item> {
    let mut parameters = Vec::new();
    for parameter in function.params.iter().skip(usize::from(takes_self(&function.kind))) {
        parameters.push(format!("{}: {}", parameter.name, of_use(resolve, &parameter.ty)?));
    }
    let parameters = parameters.join(", ");
    let result = function.result.as_ref().map(|ty| of_use(resolve, ty)).transpose()?;
    let constructor = matches!(function.kind, FunctionKind::Constructor(_));
    let (name, mut signature) = if constructor {
        ("constructor", format!("constructor({parameters})"))
    } else {
        let name = function.item_name();
        (name, format!("{name}: {}({parameters})", keywords(&function.kind)))
    };
    if let Some(result) = result
        && !(constructor && result == owner)
    {
        signature += " -> ";
        signature += &result;
    }
    signature.insert_str(0, &gate(&function.stability));
    Ok(Item {
        // A property is read by one function and written by another.
        name: match function.kind.accessor() {
            Some(AccessorKind::Setter) => format!("{owner}.{name} set"),
            Some(AccessorKind::Getter) | None => format!("{owner}.{name}"),
        },
        signature,
        sentences: sentences(&function.docs),
        members: Vec::new(),
    })
}

fn takes_self(kind: &FunctionKind) -> bool {
    matches!(
        kind,
        FunctionKind::Method(_)
            | FunctionKind::AsyncMethod(_)
            | FunctionKind::MethodGetter(_)
            | FunctionKind::MethodSetter(_)
    )
}

fn keywords(kind: &FunctionKind) -> &'static str {
    match kind {
        FunctionKind::Freestanding | FunctionKind::Method(_) => "func",
        FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) => "async func",
        FunctionKind::Getter | FunctionKind::MethodGetter(_) => "get",
        FunctionKind::Setter | FunctionKind::MethodSetter(_) => "set",
        FunctionKind::Static(_) => "static func",
        FunctionKind::AsyncStatic(_) => "static async func",
        FunctionKind::StaticGetter(_) => "static get",
        FunctionKind::StaticSetter(_) => "static set",
        FunctionKind::Constructor(_) => "constructor",
    }
}

/// The annotation of a gate. The version of a `@since` is that of a package, and left out like those.
fn gate(stability: &Stability) -> String {
    match stability {
        Stability::Unknown => String::new(),
        Stability::Unstable { feature, .. } => format!("@unstable(feature = {feature}) "),
        Stability::Stable { deprecated: None, .. } => "@since ".to_owned(),
        Stability::Stable {
            deprecated: Some(_), ..
        } => "@deprecated ".to_owned(),
    }
}

/// An interface as it is named in `from`.
fn path(resolve: &Resolve, id: InterfaceId, from: Option<PackageId>) -> Result<String> {
    let interface = &resolve.interfaces[id];
    let name = interface.name.as_deref().context("an interface in use has a name")?;
    Ok(match interface.package {
        Some(package) if interface.package != from => {
            let package = &resolve.packages[package].name;
            format!("{}:{}/{name}", package.namespace, package.name)
        }
        _ => name.to_owned(),
    })
}

/// A type where it is used: by its name, if it has one.
fn of_use(resolve: &Resolve, ty: &Type) -> Result<String> {
    let name = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => return named(resolve, *id),
    };
    Ok(name.to_owned())
}

fn named(resolve: &Resolve, id: TypeId) -> Result<String> {
    let definition = &resolve.types[id];
    match &definition.name {
        Some(name) => Ok(name.clone()),
        None => of_kind(resolve, &definition.kind),
    }
}

/// A type that needs no name.
fn of_kind(resolve: &Resolve, kind: &TypeDefKind) -> Result<String> {
    let of = |ty: &Type| of_use(resolve, ty);
    let optional = |ty: &Option<Type>| ty.as_ref().map(of).transpose();
    Ok(match kind {
        TypeDefKind::Handle(Handle::Own(id)) => named(resolve, *id)?,
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", named(resolve, *id)?),
        TypeDefKind::Tuple(tuple) => {
            let types = tuple.types.iter().map(of).collect::<Result<Vec<_>>>()?;
            format!("tuple<{}>", types.join(", "))
        }
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)?),
        TypeDefKind::Result(result) => match (optional(&result.ok)?, optional(&result.err)?) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{ok}>"),
            (ok, Some(err)) => format!("result<{}, {err}>", ok.as_deref().unwrap_or("_")),
        },
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)?),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", of(ty)?),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", of(key)?, of(value)?),
        TypeDefKind::Future(None) => "future".to_owned(),
        TypeDefKind::Future(Some(ty)) => format!("future<{}>", of(ty)?),
        TypeDefKind::Stream(None) => "stream".to_owned(),
        TypeDefKind::Stream(Some(ty)) => format!("stream<{}>", of(ty)?),
        TypeDefKind::Type(ty) => of(ty)?,
        TypeDefKind::Record(_)
        | TypeDefKind::Resource
        | TypeDefKind::Flags(_)
        | TypeDefKind::Variant(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Unknown => bail!("a {} without a name", kind.as_str()),
    })
}

/// What is said, by sentences: where a line ends, and where a paragraph does, says nothing. What stands between blank lines
/// is at least one, so a heading is one.
fn sentences(docs: &Docs) -> Vec<String> {
    let mut sentences = Vec::new();
    for paragraph in docs.contents.as_deref().unwrap_or_default().split("\n\n") {
        let mut sentence = String::new();
        for word in paragraph.split_whitespace() {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(word);
            if word.ends_with(['.', '?', '!']) {
                sentences.push(std::mem::take(&mut sentence));
            }
        }
        if !sentence.is_empty() {
            sentences.push(sentence);
        }
    }
    sentences
}
