"""What a component has to import while it is built: the files of the modules are not there when it runs."""

import ast
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType


def module(name: str) -> ModuleType:
    """Import a module."""
    return importlib.import_module(name)


def all_of_package(name: str) -> None:
    """Import the modules of a package, those apart that want what this Python does not have."""
    for found in pkgutil.iter_modules(module(name).__path__, f"{name}."):
        _try(found.name)


def within_functions(modules: Iterable[ModuleType]) -> None:
    """Import what the functions of these modules will."""
    for one in modules:
        if one.__file__ is None:
            continue
        with open(one.__file__, encoding="utf-8") as source:
            tree = ast.parse(source.read())
        for node in ast.walk(tree):
            match node:
                case ast.Import(names):
                    for alias in names:
                        _try(alias.name)
                case ast.ImportFrom(imported, names, 0) if imported is not None:
                    _try(imported)


def _try(name: str) -> None:
    # A test that imports what is not there says so by itself. Some modules are not there, some refuse the platform.
    try:
        module(name)
    except Exception:
        pass
